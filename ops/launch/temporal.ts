import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { Connection } from '@temporalio/client';
import { Part } from './part.ts';
import { answersAt } from './ports.ts';

export interface TemporalOptions {
  binary: string;
  dir: string;
  runDir: string;
  port: number;
  /** Absent: no web UI. */
  uiPort?: number;
  namespaces: readonly string[];
}

/** Limits of the dev server that would throttle a hospital's batch, lifted (limits.md: triples its rate). */
const LIFTED = [
  'frontend.rps',
  'frontend.namespaceRPS',
  'frontend.namespaceRPS.visibility',
  'history.rps',
  'matching.rps',
  'history.persistenceMaxQPS',
  'frontend.persistenceMaxQPS',
  'matching.persistenceMaxQPS',
];

/** Temporal's dev server on loopback, its state in one SQLite file in WAL mode. */
export function temporalPart({ binary, dir, runDir, port, uiPort, namespaces }: TemporalOptions): {
  part: Part;
  address: string;
} {
  mkdirSync(dir, { recursive: true });
  const address = `127.0.0.1:${port}`;
  const args = ['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(port), '--log-level', 'warn'];
  args.push(
    '--db-filename',
    path.join(dir, 'temporal.db'),
    '--sqlite-pragma',
    'journal_mode=WAL',
    '--sqlite-pragma',
    'synchronous=NORMAL',
  );
  args.push(...(uiPort === undefined ? ['--headless'] : ['--ui-ip', '127.0.0.1', '--ui-port', String(uiPort)]));
  for (const namespace of namespaces) args.push('--namespace', namespace);
  for (const limit of LIFTED) args.push('--dynamic-config-value', `${limit}=100000`);
  const ready = async () => {
    if (!(await answersAt(port))) return false;
    const connection = await Connection.connect({ address, connectTimeout: 2000 });
    try {
      for (const namespace of namespaces) await connection.workflowService.describeNamespace({ namespace });
      return true;
    } finally {
      await connection.close();
    }
  };
  return { part: new Part({ name: 'temporal', command: binary, args, runDir, ready }), address };
}

import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { startTicks } from './part.ts';

/** One process a place: throws if another process that still runs holds it. Gives the function that lets go. */
export function takeLock(file: string, orElse = 'set SEALFOLIO_HOME to another folder'): () => void {
  const content = JSON.stringify({ pid: process.pid, started: startTicks(process.pid) });
  try {
    writeFileSync(file, content, { flag: 'wx' });
  } catch (error) {
    if ((error as { code?: string }).code !== 'EEXIST') throw error;
    const { pid, started } = JSON.parse(readFileSync(file, 'utf8') || '{}') as { pid?: number; started?: string };
    if (pid !== undefined && started !== undefined && startTicks(pid) === started)
      throw new Error(`it is running already, as process ${pid}; end that one first, or ${orElse}.`);
    writeFileSync(file, content);
  }
  return () => rmSync(file, { force: true });
}

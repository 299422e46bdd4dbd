import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { temporal } from '@temporalio/proto';
import {
  bundleWorkflowCode,
  DefaultLogger,
  Runtime,
  Worker,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker';
import { WorkflowName } from '../../workflows/shared.ts';

const folder = path.join(process.cwd(), 'test', 'replay', 'histories');
const names = readdirSync(folder).filter((name) => name.endsWith('.history'));
let workflowBundle: WorkflowBundleWithSourceMap;
const logger = new DefaultLogger('ERROR');
beforeAll(async () => {
  Runtime.install({ logger });
  workflowBundle = await bundleWorkflowCode({
    workflowsPath: path.join(process.cwd(), 'workflows', 'index.ts'),
    logger,
  });
});

const { History } = temporal.api.history.v1;
const historyOf = (name: string) => History.decode(readFileSync(path.join(folder, name)));

test('there are histories of every workflow', () => {
  const types = names.map(
    (name) => historyOf(name).events[0]!.workflowExecutionStartedEventAttributes!.workflowType!.name,
  );
  const shipped = Object.values(WorkflowName).filter((name) => name !== WorkflowName.sweep);
  expect(new Set(types)).toEqual(new Set(shipped));
});

test.each(names)('what ran yesterday runs the same today: %s', async (name) => {
  await Worker.runReplayHistory({ workflowBundle }, historyOf(name), name);
});

test('a history that this code would not have made is noticed', async () => {
  const history = historyOf('plain.history');
  for (const { activityTaskScheduledEventAttributes: scheduled } of history.events)
    if (scheduled?.activityType?.name === 'packArchive') scheduled.activityType.name = 'buildCatalog';
  await expect(Worker.runReplayHistory({ workflowBundle }, history, 'changed')).rejects.toThrow(/[Nn]ondeterminism/);
});

test('a change of a running workflow needs `patched`: without it what began before does not replay', async () => {
  const copy = mkdtempSync(path.join(process.cwd(), 'dist', 'unpatched-'));
  try {
    for (const folder of ['workflows', 'domain'])
      cpSync(path.join(process.cwd(), folder), path.join(copy, folder), { recursive: true });
    const file = path.join(copy, 'workflows', 'archive-loan.ts');
    const source = readFileSync(file, 'utf8');
    writeFileSync(file, source.replace("patched('claims-end')", 'true'));
    expect(readFileSync(file, 'utf8')).not.toBe(source);
    const unpatched = await bundleWorkflowCode({ workflowsPath: path.join(copy, 'workflows', 'index.ts'), logger });
    const history = historyOf('loan-claims-last.history');
    await Worker.runReplayHistory({ workflowBundle }, history, 'patched');
    const replay = Worker.runReplayHistory({ workflowBundle: unpatched }, history, 'unpatched');
    await expect(replay).rejects.toThrow(/[Nn]ondeterminism/);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
});

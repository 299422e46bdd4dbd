import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { temporal } from '@temporalio/proto';
import {
  bundleWorkflowCode,
  DefaultLogger,
  Runtime,
  Worker,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker';

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
  expect(new Set(types)).toEqual(new Set(['dischargeArchivingWorkflow', 'anchoringWorkflow']));
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

import { WorkflowFailedError } from '@temporalio/client';
import { SealfolioError } from '../../domain/errors.ts';
import { TaskQueue, WorkflowName } from '../../workflows/shared.ts';
import { WorkflowWorld } from '../fixtures/workflow-world.ts';

const world = new WorkflowWorld();
beforeAll(() => world.start());
afterAll(() => world.stop());

const start = (workflowId: string) =>
  world.environment.client.workflow.start(WorkflowName.classification, {
    workflowId,
    taskQueue: TaskQueue.archiving,
    args: [{ archiveId: 'ar_x', version: 2 }],
  });

test('the pages of a version are looked at', async () => {
  const seen: unknown[] = [];
  world.reset({ classifyVersion: async (input) => void seen.push(input) });
  await (await start('classified')).result();
  expect(seen).toEqual([{ archiveId: 'ar_x', version: 2 }]);
  await world.record('classified', 'classified');
});

test('an archive that fails again and again is given up; what waiting cannot repair fails at once', async () => {
  world.reset({
    classifyVersion: async () => {
      throw new Error('broken');
    },
  });
  await expect((await start('given-up')).result()).rejects.toThrow(WorkflowFailedError);
  expect(world.calls).toHaveLength(25);
  world.reset({
    classifyVersion: async () => {
      throw new SealfolioError('object-integrity', { layer: 'chunk' });
    },
  });
  await expect((await start('integrity')).result()).rejects.toThrow(WorkflowFailedError);
  expect(world.calls).toHaveLength(1);
});

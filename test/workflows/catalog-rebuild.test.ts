import { WorkflowFailedError } from '@temporalio/client';
import { SealfolioError } from '../../domain/errors.ts';
import {
  type CatalogRebuildInput,
  pauseSignal,
  type RebuildProgress,
  rebuildProgressQuery,
  resumeSignal,
  TaskQueue,
  WorkflowName,
} from '../../workflows/shared.ts';
import { type Activities, WorkflowWorld } from '../fixtures/workflow-world.ts';

const world = new WorkflowWorld();
beforeAll(() => world.start());
afterAll(() => world.stop());

let states: string[] = [];
let asked: (string | null)[] = [];
let seen: string[] = [];
/** Archives a0 .. of `pages` pages of the range, two a page; every one changes, but what `overrides` says. */
function range(pages: number, overrides: Partial<Activities> = {}): Partial<Activities> {
  [states, asked, seen] = [[], [], []];
  return {
    nextOfRebuild: async ({ after }) => {
      asked.push(after);
      const n = after === null ? 0 : Number(after.slice(1)) + 1;
      const isLast = n + 2 >= 2 * pages;
      return { archiveIds: [`a${n}`, `a${n + 1}`], after: isLast ? null : `a${n + 1}` };
    },
    rebuildArchive: async ({ archiveId }) => {
      seen.push(archiveId);
      return 'changed';
    },
    recordRebuild: async ({ state }) => void states.push(state),
    ...overrides,
  };
}
const start = (workflowId: string, pagesPerRun = 20) =>
  world.environment.client.workflow.start(WorkflowName.catalogRebuild, {
    workflowId,
    taskQueue: TaskQueue.archiving,
    args: [{ rebuildId: 'rb_x', pagesPerRun } satisfies CatalogRebuildInput],
  });

test('every archive of the range once, counted by what became of it', async () => {
  const outcomes = ['changed', 'unchanged', 'skipped', 'failed'] as const;
  world.reset(
    range(2, {
      rebuildArchive: async ({ archiveId }) => {
        seen.push(archiveId);
        return outcomes[Number(archiveId.slice(1))]!;
      },
    }),
  );
  const handle = await start('rebuild-plain');
  expect(await handle.result()).toEqual({ changed: 1, unchanged: 1, skipped: 1, failed: 1, paused: false });
  expect(asked).toEqual([null, 'a1']);
  expect(seen.sort()).toEqual(['a0', 'a1', 'a2', 'a3']);
  expect(states).toEqual(['done']);
  await world.record('rebuild-plain', 'rebuild-plain');
});

test('paused between archives, for as long as it is; then it goes on where it stood', async () => {
  let release = () => {};
  const held = new Promise<void>((done) => (release = done));
  let reached = () => {};
  const isReached = new Promise<void>((done) => (reached = done));
  world.reset(
    range(3, {
      rebuildArchive: async ({ archiveId }) => {
        seen.push(archiveId);
        if (archiveId === 'a0') {
          reached();
          await held;
        }
        return 'changed';
      },
      recordRebuild: async ({ state }) => {
        states.push(state);
        if (state === 'paused') isPaused();
      },
    }),
  );
  let isPaused = () => {};
  const paused = new Promise<void>((done) => (isPaused = done));
  const handle = await start('rebuild-paused');
  await isReached;
  await handle.signal(pauseSignal);
  release();
  await paused;
  const before: RebuildProgress = await handle.query(rebuildProgressQuery);
  expect(before).toMatchObject({ changed: 2, paused: true });
  await world.environment.sleep('30 days');
  expect(await handle.query(rebuildProgressQuery)).toEqual(before);
  expect(seen.sort()).toEqual(['a0', 'a1']);
  await handle.signal(resumeSignal);
  expect(await handle.result()).toMatchObject({ changed: 6, paused: false });
  expect(seen).toHaveLength(6);
  expect(states).toEqual(['paused', 'running', 'done']);
  await world.record('rebuild-paused', 'rebuild-paused');
});

test('a long one goes on as a new run, from where it stood, with what it had counted', async () => {
  world.reset(range(5));
  const handle = await start('rebuild-long', 2);
  const first = handle.firstExecutionRunId;
  expect(await handle.result()).toMatchObject({ changed: 10 });
  expect(asked).toEqual([null, 'a1', 'a3', 'a5', 'a7']);
  expect(states).toEqual(['done']);
  const latest = await world.environment.client.workflow.getHandle('rebuild-long').describe();
  expect(latest.runId).not.toBe(first);
  await world.record('rebuild-long', 'rebuild-long');
});

test('the card is away for ten minutes: it waits, and goes on by itself', async () => {
  const until = (await world.environment.currentTimeMs()) + 600_000;
  world.reset(
    range(1, {
      rebuildArchive: async () => {
        if ((await world.environment.currentTimeMs()) < until)
          throw new SealfolioError('card-unavailable', { cause: 'removed' });
        return 'changed';
      },
    }),
  );
  const handle = await start('rebuild-card');
  await world.environment.sleep('11 minutes');
  expect(await handle.result()).toMatchObject({ changed: 2, failed: 0 });
  expect(world.calls.filter((call) => call === 'rebuildArchive').length).toBeGreaterThan(20);
});

// Last: the time-skipping server counts an activity that ends after its workflow, and skips no time from then on.
test('cancelled: nothing more is looked at, and that is what is shown', async () => {
  let reached = () => {};
  const isReached = new Promise<void>((done) => (reached = done));
  let release = () => {};
  const held = new Promise<void>((done) => (release = done));
  world.reset(
    range(3, {
      rebuildArchive: async ({ archiveId }) => {
        seen.push(archiveId);
        if (seen.length === 2) reached();
        await held;
        return 'changed';
      },
    }),
  );
  const handle = await start('rebuild-cancelled');
  await isReached;
  await handle.cancel();
  await expect(handle.result()).rejects.toThrow(WorkflowFailedError);
  release();
  expect((await handle.describe()).status.name).toBe('CANCELLED');
  expect(states).toEqual(['cancelled']);
  expect(seen.sort()).toEqual(['a0', 'a1']);
  await world.record('rebuild-cancelled', 'rebuild-cancelled');
});

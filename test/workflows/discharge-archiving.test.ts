import { SealfolioError } from '../../domain/errors.ts';
import {
  archivingStatusQuery,
  type AskedFrontPage,
  attestedSignal,
  batchCommittedSignal,
  frontPageCheckedSignal,
  retrySignal,
  TaskQueue,
  WorkflowName,
} from '../../workflows/shared.ts';
import { type Activities, WorkflowWorld } from '../fixtures/workflow-world.ts';

const world = new WorkflowWorld();
beforeAll(() => world.start());
afterAll(() => world.stop());

const DAY_MS = 86_400_000;
const record = (name: string, workflowId: string) => world.record(name, workflowId);

const PASSED: AskedFrontPage = { state: 'passed', policy: 'required', text: '通过' };
const FAULTY: AskedFrontPage = { state: 'faulty', policy: 'required', text: '出院时间早于入院时间' };

/** Activities of a run in which all goes well; version by version. */
function smooth(overrides: Partial<Activities> = {}): Partial<Activities> {
  let version = 0;
  return {
    checkBatches: async () => ({ missing: [], documentsComplete: true }),
    askFrontPage: async () => PASSED,
    buildCatalog: async () => (version += 1),
    packArchive: async () => {},
    requestAttestation: async () => ({ attested: true }),
    ...overrides,
  };
}

const start = (workflowId: string, batchId: string) =>
  world.environment.client.workflow.signalWithStart(WorkflowName.dischargeArchiving, {
    workflowId,
    taskQueue: TaskQueue.archiving,
    args: [{ archiveId: 'ar_x', documentDeadlineMs: 7 * DAY_MS }],
    signal: batchCommittedSignal,
    signalArgs: [{ batchId }],
  });

test('the steps, in order', async () => {
  world.reset(smooth());
  const handle = await start('plain', 'b1');
  expect(await handle.result()).toEqual({ state: 'attested', version: 1, missing: [], frontPage: PASSED });
  expect(world.calls).toEqual(['checkBatches', 'askFrontPage', 'buildCatalog', 'packArchive', 'requestAttestation']);
  await record('plain', 'plain');
});

test('waits for the ledger by signal, however long it takes', async () => {
  world.reset(smooth({ requestAttestation: async () => ({ attested: false }) }));
  const handle = await start('anchored', 'b1');
  await world.environment.sleep('30 days');
  expect(await handle.query(archivingStatusQuery)).toMatchObject({ state: 'anchoring', version: 1 });
  await handle.signal(attestedSignal, { version: 1 });
  expect(await handle.result()).toMatchObject({ state: 'attested' });
  await record('anchored', 'anchored');
});

test('without the mandatory document it waits until the deadline, and then goes on without it', async () => {
  world.reset(smooth({ checkBatches: async () => ({ missing: ['frontPage'], documentsComplete: false }) }));
  const handle = await start('deadline', 'b1');
  const began = await world.environment.currentTimeMs();
  expect(await handle.result()).toMatchObject({ state: 'attested', missing: ['frontPage'] });
  expect((await world.environment.currentTimeMs()) - began).toBeGreaterThanOrEqual(7 * DAY_MS);
  await record('deadline', 'deadline');
});

test('the missing document comes in time: one version holds both batches', async () => {
  const built: string[][] = [];
  world.reset(
    smooth({
      checkBatches: async ({ batchIds }) =>
        batchIds.includes('b2')
          ? { missing: [], documentsComplete: false }
          : { missing: ['frontPage'], documentsComplete: false },
      buildCatalog: async ({ batchIds }) => {
        built.push(batchIds);
        return 1;
      },
    }),
  );
  const handle = await start('in-time', 'b1');
  await world.environment.sleep('2 days');
  expect(await handle.query(archivingStatusQuery)).toMatchObject({
    state: 'awaitingDocuments',
    missing: ['frontPage'],
  });
  await start('in-time', 'b2');
  await handle.result();
  expect(built).toEqual([['b1', 'b2']]);
  await record('in-time', 'in-time');
});

test('a front page that has not passed: where the template asks for it, archiving waits until it is put right', async () => {
  let asked = FAULTY;
  world.reset(smooth({ askFrontPage: async () => asked }));
  const handle = await start('front-page', 'b1');
  await world.environment.sleep('2 days');
  expect(await handle.query(archivingStatusQuery)).toMatchObject({ state: 'awaitingDocuments', frontPage: FAULTY });
  // Entered again, and still not right.
  await handle.signal(frontPageCheckedSignal);
  await world.environment.sleep('1 day');
  expect(await handle.query(archivingStatusQuery)).toMatchObject({ state: 'awaitingDocuments' });
  asked = PASSED;
  await handle.signal(frontPageCheckedSignal);
  expect(await handle.result()).toMatchObject({ state: 'attested', frontPage: PASSED });
  expect(world.calls.filter((call) => call === 'askFrontPage')).toHaveLength(3);
  expect(world.calls.filter((call) => call === 'checkBatches')).toHaveLength(1);
  await record('front-page', 'front-page');
});

test('entered again and again, it is waited for no longer than until the deadline; then archiving goes on and says what is wrong', async () => {
  world.reset(smooth({ askFrontPage: async () => FAULTY }));
  const handle = await start('front-page-late', 'b1');
  await world.environment.sleep('6 days');
  await handle.signal(frontPageCheckedSignal);
  expect(await handle.result()).toMatchObject({ state: 'attested', frontPage: FAULTY });
  const { startTime, closeTime } = await handle.describe();
  expect(Math.floor((closeTime!.getTime() - startTime.getTime()) / DAY_MS)).toBe(7);
  await record('front-page-late', 'front-page-late');
});

test('it waits for both: the document comes, and the front page is still not right', async () => {
  let asked = FAULTY;
  world.reset(
    smooth({
      checkBatches: async ({ batchIds }) => ({
        missing: batchIds.includes('b2') ? [] : ['frontPage'],
        documentsComplete: false,
      }),
      askFrontPage: async () => asked,
    }),
  );
  const handle = await start('both', 'b1');
  await world.environment.sleep('1 day');
  await start('both', 'b2');
  await world.environment.sleep('1 day');
  expect(await handle.query(archivingStatusQuery)).toMatchObject({ state: 'awaitingDocuments', missing: [] });
  asked = PASSED;
  await handle.signal(frontPageCheckedSignal);
  expect(await handle.result()).toMatchObject({ state: 'attested', version: 1 });
});

test('where the template only has it told of, archiving goes on', async () => {
  const advised = { ...FAULTY, policy: 'advisory' as const };
  world.reset(smooth({ askFrontPage: async () => advised }));
  const handle = await start('advisory', 'b1');
  expect(await handle.result()).toMatchObject({ state: 'attested', frontPage: advised });
  const { startTime, closeTime } = await handle.describe();
  expect(Math.floor((closeTime!.getTime() - startTime.getTime()) / DAY_MS)).toBe(0);
  await record('advisory', 'advisory');
});

test('nothing accepted: refused', async () => {
  world.reset(smooth({ buildCatalog: async () => null }));
  expect(await (await start('refused', 'b1')).result()).toMatchObject({ state: 'refused', version: null });
  expect(world.calls).not.toContain('packArchive');
});

test('the card is away for ten minutes: it waits, and goes on by itself', async () => {
  const until = (await world.environment.currentTimeMs()) + 600_000;
  world.reset(
    smooth({
      packArchive: async () => {
        if ((await world.environment.currentTimeMs()) < until)
          throw new SealfolioError('card-unavailable', { cause: 'removed' });
      },
    }),
  );
  const handle = await start('card', 'b1');
  await world.environment.sleep('11 minutes');
  expect(await handle.result()).toMatchObject({ state: 'attested' });
  expect(world.calls.filter((call) => call === 'packArchive').length).toBeGreaterThan(10);
});

test('what waiting cannot repair is handed to a person, and tried again at their word', async () => {
  let isRepaired = false;
  world.reset(
    smooth({
      packArchive: async () => {
        if (!isRepaired) throw new SealfolioError('object-integrity', { layer: 'chunk' });
      },
    }),
  );
  const handle = await start('person', 'b1');
  await world.environment.sleep('1 hour');
  expect(await handle.query(archivingStatusQuery)).toMatchObject({ state: 'failed', failure: 'object-integrity' });
  expect(world.calls).toContain('recordFailure');
  isRepaired = true;
  await handle.signal(retrySignal);
  expect(await handle.result()).toMatchObject({ state: 'attested' });
  await record('person', 'person');
});

test('anchoring takes what waits, batch after batch, and ends when nothing comes', async () => {
  let remaining = 3;
  world.reset({ anchorBacklog: async () => ({ anchored: 1, remaining: (remaining -= 1) }) });
  const handle = await world.environment.client.workflow.start(WorkflowName.anchoring, {
    workflowId: 'anchoring',
    taskQueue: TaskQueue.archiving,
    args: [{ memberId: 'yz1', idleMs: 60_000 }],
  });
  await handle.result();
  expect(world.calls).toEqual(['anchorBacklog', 'anchorBacklog', 'anchorBacklog']);
  await record('anchoring', 'anchoring');
});

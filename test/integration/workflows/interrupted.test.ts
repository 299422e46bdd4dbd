import { MongoClient } from 'mongodb';
import type { ArchiveVersion } from '../../../platform/store/index.ts';
import { sweepWorkflowId, TaskQueue, WorkflowName } from '../../../workflows/shared.ts';
import { committed, frontPage, startArchiving } from '../../fixtures/archiving.ts';
import { TestMember } from '../../fixtures/member.ts';
import { until } from '../../fixtures/until.ts';

/** MongoDB's own fail point: from the n-th write of this member on, none goes through, as after a kill. */
class WriteStop {
  readonly #client = new MongoClient(process.env.TEST_MONGODB_URI!);

  constructor(private readonly appName: string) {}

  /** Gives what settles when the first write has failed. */
  async after(writes: number): Promise<{ hit: Promise<unknown> }> {
    const admin = this.#client.db('admin');
    const { count } = await admin.command({
      configureFailPoint: 'failCommand',
      mode: writes === 0 ? 'alwaysOn' : { skip: writes },
      data: {
        failCommands: ['insert', 'update', 'delete', 'findAndModify', 'commitTransaction'],
        appName: this.appName,
        errorCode: 1,
      },
    });
    const timesEntered = (count as number) + 1;
    return { hit: admin.command({ waitForFailPoint: 'failCommand', timesEntered, maxTimeMS: 60_000 }) };
  }

  async lift(): Promise<void> {
    await this.#client.db('admin').command({ configureFailPoint: 'failCommand', mode: 'off' });
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}

const member = new TestMember('interrupted');
const stop = new WriteStop(member.name);
beforeAll(() => member.start());
afterAll(async () => {
  await stop.close();
  await member.stop();
});

test('stopped before any one of its writes, an archive is attested once, by one version, and nothing is left over', async () => {
  const { models, connection } = member.store;
  const logSize = (await member.ledger.status()).logSize;
  let runs = 0;
  for (let isHit = true; isHit; runs += 1) {
    const archiveId = `ar_stopped${runs}`;
    const batchId = await committed(member, archiveId, [await frontPage(runs)]);
    const { hit } = await stop.after(runs);
    const handle = await startArchiving(member, archiveId, batchId);
    const ended = handle.result();
    isHit = await Promise.race([hit.then(() => true), ended.then(() => false)]);
    await stop.lift();
    if (!isHit) hit.catch(() => {}); // ends with the client
    expect([runs, await ended]).toMatchObject([runs, { state: 'attested', version: 1 }]);
    // What anchoring writes after it has told the workflow.
    await until(async () => (await models.AnchoringTx.countDocuments({ state: 'pending' })) === 0);
    const versions = await models.ArchiveVersion.find({ archiveId }).lean<ArchiveVersion[]>();
    expect(versions).toMatchObject([{ version: 1, state: 'attested', batchIds: [batchId] }]);
    expect(await models.Archive.findOne({ archiveId }).lean()).toMatchObject({ state: 'attested', currentVersion: 1 });
    expect(await models.Batch.findOne({ batchId }).lean()).toMatchObject({ state: 'archived', version: 1 });
  }
  expect(runs).toBeGreaterThan(12);
  expect((await member.ledger.status()).logSize).toBe(logSize + runs);
  expect(await models.OutboxItem.countDocuments({ state: { $ne: 'final' } })).toBe(0);

  const files = connection.db!.collection('objects.files');
  const kept = 2 * runs; // an original and a package each
  expect(await files.countDocuments()).toBeGreaterThan(kept);
  await member.client.workflow.execute(WorkflowName.sweep, {
    workflowId: sweepWorkflowId(member.memberId),
    taskQueue: TaskQueue.archiving,
    args: [{ unfinishedMs: 0, orphanedMs: 0 }],
  });
  expect(await files.countDocuments()).toBe(kept);
  expect(await connection.db!.collection('objects.chunks').countDocuments()).toBe(kept);
});

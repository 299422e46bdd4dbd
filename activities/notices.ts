import type { Notice } from '../platform/store/index.ts';
import type { ActivityDeps } from './deps.ts';

const AT_ONCE = 100;
const MAX_ATTEMPTS = 12;
const FIRST_RETRY_MS = 30_000;
const LAST_RETRY_MS = 6 * 3_600_000;

/** Sends what waits for channels outside the app. A channel that fails is tried again later; nothing else waits for it. */
export function createNoticeActivities({
  store,
  noticeChannels,
  logger,
}: Pick<ActivityDeps, 'store' | 'noticeChannels' | 'logger'>) {
  const { Notice } = store.models;

  async function deliver(notice: Notice, channel: string): Promise<void> {
    const { noticeId, username, kind, deliveries } = notice;
    const { attempts } = deliveries.find((one) => one.channel === channel)!;
    const adapter = noticeChannels.find((one) => one.channel === channel);
    const where = { noticeId, 'deliveries.channel': channel };
    try {
      if (adapter === undefined) throw Object.assign(new Error('no such channel'), { code: 'notice-channel-absent' });
      await adapter.send({ noticeId, username, kind });
      await Notice.updateOne(where, { $set: { 'deliveries.$.state': 'sent', 'deliveries.$.attempts': attempts + 1 } });
    } catch (error) {
      const code = (error as { code?: unknown }).code;
      const wait = Math.min(FIRST_RETRY_MS * 2 ** attempts, LAST_RETRY_MS);
      logger.warn({ noticeId, channel, attempts: attempts + 1 }, 'a notice was not delivered');
      await Notice.updateOne(where, {
        $set: {
          'deliveries.$.state': attempts + 1 >= MAX_ATTEMPTS ? 'failed' : 'pending',
          'deliveries.$.attempts': attempts + 1,
          'deliveries.$.nextAt': new Date(Date.now() + wait),
          'deliveries.$.code': typeof code === 'string' ? code : 'notice-failed',
        },
      });
    }
  }

  return {
    /** Tries what is due; tells in how many milliseconds the next is, null if nothing waits. */
    async deliverNotices(): Promise<{ nextInMs: number | null }> {
      const now = new Date();
      const due = { deliveries: { $elemMatch: { state: 'pending', nextAt: { $lte: now } } } };
      const found = await Notice.find(due).limit(AT_ONCE).lean<Notice[]>();
      for (const notice of found)
        for (const { channel, state, nextAt } of notice.deliveries)
          if (state === 'pending' && nextAt <= now) await deliver(notice, channel);
      if (found.length === AT_ONCE) return { nextInMs: 0 };
      const [first] = await Notice.aggregate<{ at: Date }>([
        { $match: { 'deliveries.state': 'pending' } },
        { $unwind: '$deliveries' },
        { $match: { 'deliveries.state': 'pending' } },
        { $group: { _id: null, at: { $min: '$deliveries.nextAt' } } },
      ]);
      return { nextInMs: first === undefined ? null : Math.max(0, first.at.getTime() - Date.now()) };
    },
  };
}

export type NoticeActivities = ReturnType<typeof createNoticeActivities>;

import type { ClientSession } from 'mongoose';
import { ASKING, type NoticeKind } from '../../domain/notices.ts';
import { taggedSm3 } from '../crypto/index.ts';
import type { Models } from './index.ts';
import type { Notice } from './models/loan.ts';

/** What some people are told. */
export interface News {
  /** Names what happened: each of them hears of it once, however often it is written. */
  of: string;
  kind: NoticeKind;
  people: readonly string[];
  archiveId: string;
  loanId?: string;
  /** Shown in the app only. */
  reason?: string | undefined;
  at: Date;
}

/** Writes the notices of the app; what other channels are to be told is written beside them, and sent later. Gives how many. */
export async function writeNotices(
  { Notice }: Models,
  news: readonly News[],
  channels: readonly string[],
  session?: ClientSession,
): Promise<number> {
  const writes = news.flatMap(({ of, kind, people, archiveId, loanId, reason, at }) =>
    people.map((username) => {
      const noticeId = `no_${taggedSm3('sealfolio/notice/1', `${of}/${kind}/${username}`).toString('hex').slice(0, 32)}`;
      const made: Omit<Notice, 'noticeId'> = {
        username,
        kind,
        ...(loanId !== undefined && { loanId }),
        data: { archiveId, ...(reason !== undefined && { reason }) },
        at,
        deliveries: channels.map((channel) => ({ channel, state: 'pending', attempts: 0, nextAt: at })),
      };
      return { updateOne: { filter: { noticeId }, update: { $setOnInsert: made }, upsert: true } };
    }),
  );
  if (writes.length > 0) await Notice.bulkWrite(writes as never, { ordered: false, ...(session && { session }) });
  return writes.length;
}

/**
 * What asked for a decision on this archive, or this loan of it, asks nobody any more: it counts as unread for nobody, and is
 * sent to nobody. `kinds`: all that ask, by default; `before`: what was told from then on still asks.
 */
export async function settleNotices(
  { Notice }: Models,
  about: { archiveId: string; kinds?: readonly NoticeKind[]; loanId?: string; before?: number | undefined },
  session?: ClientSession,
): Promise<void> {
  const { archiveId, kinds = ASKING, loanId, before } = about;
  const asking = {
    'data.archiveId': archiveId,
    kind: { $in: kinds },
    loanId: loanId ?? { $exists: false },
    settledAt: { $exists: false },
    ...(before !== undefined && { at: { $lt: new Date(before) } }),
  };
  await Notice.updateMany(
    asking,
    { $set: { settledAt: new Date(), 'deliveries.$[waiting].state': 'settled' } },
    { arrayFilters: [{ 'waiting.state': 'pending' }], ...(session && { session }) },
  );
}

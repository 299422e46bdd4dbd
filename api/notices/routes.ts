import { z } from 'zod';
import { SealfolioError } from '../../domain/errors.ts';
import { NoticeKind } from '../../domain/notices.ts';
import type { Archive, Notice } from '../../platform/store/index.ts';
import type { ApiDeps } from '../deps.ts';
import { type Route, route } from '../route.ts';

const shown = z.object({
  noticeId: z.string(),
  kind: z.enum(NoticeKind),
  loanId: z.string().optional().describe('Absent where it is of the archive itself'),
  archiveId: z.string().optional(),
  patientName: z.string().optional(),
  patientNo: z.string().optional(),
  reason: z.string().optional(),
  at: z.string(),
  isRead: z.boolean(),
  isSettled: z.boolean().describe('It asked for a decision, which is made or needed no more'),
});

/** 站内通知. */
export function noticeRoutes({ store }: ApiDeps): Route[] {
  const { Archive, Notice } = store.models;
  return [
    route({
      method: 'get',
      path: '/notices',
      permission: 'session',
      summary: 'My notices, latest first, and how many are unread',
      query: z.object({ limit: z.coerce.number().int().min(1).max(100).default(30) }),
      answer: z.object({ items: z.array(shown), unread: z.number() }),
      async handle({ query: { limit }, actor }) {
        const [found, unread] = await Promise.all([
          Notice.find({ username: actor.id }).sort({ at: -1 }).limit(limit).lean<Notice[]>(),
          Notice.countDocuments({ username: actor.id, readAt: { $exists: false }, settledAt: { $exists: false } }),
        ]);
        const about = found.flatMap(({ data: { archiveId } }) => archiveId ?? []);
        const archives = await Archive.find({ archiveId: { $in: about } }).lean<Archive[]>();
        const items = found.map(({ noticeId, kind, loanId, data, at, readAt, settledAt }) => {
          const archive = archives.find(({ archiveId }) => archiveId === data.archiveId);
          return {
            noticeId,
            kind,
            loanId,
            archiveId: archive?.archiveId,
            patientName: archive?.patientName,
            patientNo: archive?.patientNo,
            reason: data.reason,
            at: at.toISOString(),
            isRead: (readAt ?? settledAt) !== undefined,
            isSettled: settledAt !== undefined,
          };
        });
        return { items, unread };
      },
    }),
    route({
      method: 'post',
      path: '/notices/read',
      permission: 'session',
      summary: 'I have read them: those named, or all',
      body: z.strictObject({ noticeIds: z.array(z.string().max(64)).max(100).optional() }),
      async handle({ body: { noticeIds }, actor }) {
        const mine = { username: actor.id, readAt: { $exists: false } };
        const named = noticeIds === undefined ? {} : { noticeId: { $in: noticeIds } };
        const { matchedCount } = await Notice.updateMany({ ...mine, ...named }, { $set: { readAt: new Date() } });
        if (matchedCount === 0 && noticeIds !== undefined) {
          const own = await Notice.countDocuments({ username: actor.id, noticeId: { $in: noticeIds } });
          if (own === 0) throw new SealfolioError('notice-not-found');
        }
      },
    }),
  ];
}

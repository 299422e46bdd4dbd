import { rolesWith } from '../../domain/access.ts';
import type { Correction, News, Store, User } from '../../platform/store/index.ts';

/** Who is told how a correction stands: those who may decide it that it waits, who asked for it what another decided. */
export async function newsOf(
  { models }: Pick<Store, 'models'>,
  { archiveId, correction, state, by, at, decidedBy, decidedAt = at, refusal }: Correction,
): Promise<News[]> {
  const about = { of: `${archiveId}/registration/${correction}`, archiveId };
  if (state === 'proposed') {
    const may = { roles: { $in: rolesWith('correction:decide') }, disabled: false, username: { $ne: by } };
    const people = (await models.User.find(may).select('username').lean<User[]>()).map(({ username }) => username);
    return [{ ...about, kind: 'correctionWaits', people, at }];
  }
  if (decidedBy === undefined || decidedBy === by) return [];
  const told = { ...about, people: [by], at: decidedAt };
  return [
    state === 'refused'
      ? { ...told, kind: 'correctionRefused', reason: refusal }
      : { ...told, kind: 'correctionApproved' },
  ];
}

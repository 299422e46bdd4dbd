import { randomBytes } from 'node:crypto';
import { ACTOR_TAG, ATTEST_TAG, KEY_TAG, LOAN_STREAM, SALT_BYTES } from '../domain/attestation.ts';
import { waitsFor } from '../domain/loan/powers.ts';
import type { Loan, LoanEvent } from '../domain/loan/loan.ts';
import { type Audience, isAttested, noticesOf } from '../domain/loan/notices.ts';
import { isActing } from '../domain/people.ts';
import { jcs, taggedSm3 } from '../platform/crypto/index.ts';
import {
  type Deputy,
  type LoanEventRow,
  type News,
  projectLoan,
  settleNotices,
  type User,
  writeNotices,
} from '../platform/store/index.ts';
import type { ActivityDeps } from './deps.ts';

type LendingDeps = Pick<ActivityDeps, 'memberId' | 'store' | 'signals' | 'noticeChannels'>;

/** What archiveLoanWorkflow does to the world. */
export function createLendingActivities({ memberId, store, signals, noticeChannels }: LendingDeps) {
  const { Deputy, LoanEvent, OutboxItem, User } = store.models;

  /** The events, each once, with what is attested of them; the salt is drawn once. */
  async function writeEvents(loan: Loan, events: readonly LoanEvent[]): Promise<void> {
    const { loanId, archiveId } = loan;
    await LoanEvent.bulkWrite(
      events.map((event) => {
        const salt = randomBytes(SALT_BYTES);
        const { seq, act, from, to, at, by, grant } = event;
        const actor = taggedSm3(ACTOR_TAG, salt, by).toString('hex');
        const format = 'sealfolio-loan/1';
        const manifest = {
          format,
          memberId,
          loanId,
          archiveId,
          seq,
          act,
          from,
          to,
          at: new Date(at).toISOString(),
          actor,
          ...(grant !== undefined && { grant }),
        };
        const row: LoanEventRow = {
          loanId,
          ...event,
          ...(isAttested(event) && { manifest, salt: salt.toString('hex') }),
        };
        return { updateOne: { filter: { loanId, seq }, update: { $setOnInsert: row }, upsert: true } };
      }) as never,
    );
  }

  /** Puts the digests into the outbox; what an earlier try put there stays. */
  async function requestAttestation(loanId: string, seqs: readonly number[]): Promise<void> {
    if (seqs.length === 0) return;
    const rows = await LoanEvent.find({ loanId, seq: { $in: seqs } }).lean<LoanEventRow[]>();
    const key = taggedSm3(KEY_TAG, loanId).toString('hex');
    await OutboxItem.bulkWrite(
      rows.map(({ seq, salt, manifest }) => {
        const digest = taggedSm3(ATTEST_TAG, Buffer.from(salt!, 'hex'), jcs(manifest)).toString('hex');
        const item = { stream: LOAN_STREAM, key, digest, state: 'pending', createdAt: new Date() };
        const filter = { archiveId: loanId, version: seq };
        return { updateOne: { filter, update: { $setOnInsert: item }, upsert: true } };
      }) as never,
    );
    await signals.backlog();
  }

  async function namesOf(audience: Audience, loan: Loan): Promise<string[]> {
    if (audience === 'borrower') return [loan.applicant];
    const { task, departmentId } = loan;
    if (audience === 'assignee') return task?.claimedBy === undefined ? [] : [task.claimedBy];
    if (task?.claimedBy !== undefined && audience === 'reviewers' && task.escalatedTo === undefined)
      return [task.claimedBy];
    const roles = audience === 'head' ? ['departmentHead' as const] : waitsFor(loan);
    const filters = roles.map((role) => ({ roles: role, ...(role === 'departmentHead' && { departmentId }) }));
    if (filters.length === 0) return [];
    const holders = await User.find({ $or: filters as never, disabled: false }).lean<User[]>();
    const names = holders.map(({ username }) => username);
    const now = new Date();
    const deputies = await Deputy.find({ principal: { $in: names }, to: { $gt: now } }).lean<Deputy[]>();
    const acting = deputies.filter((term) => isActing(term, now)).map(({ deputy }) => deputy);
    return [...new Set([...names, ...acting])].filter((name) => name !== loan.applicant);
  }

  async function notify(loan: Loan, events: readonly LoanEvent[]): Promise<void> {
    const { loanId, archiveId } = loan;
    const news: News[] = [];
    for (const event of events)
      for (const { audience, kind } of noticesOf(loan, event)) {
        const { seq, reason, at } = event;
        const people = await namesOf(audience, loan);
        news.push({ of: `${loanId}/${seq}`, kind, people, archiveId, loanId, reason, at: new Date(at) });
      }
    const channels = noticeChannels.map(({ channel }) => channel);
    const told = await writeNotices(store.models, news, channels);
    // What was told of a task that is the loan's no longer.
    await settleNotices(store.models, { archiveId, loanId, before: loan.task?.openedAt });
    if (told > 0 && channels.length > 0) await signals.notices();
  }

  return {
    /** Writes down what happened to a loan, and shows it as it is then. Done again it changes nothing. */
    async recordLoan({ loan, events }: { loan: Loan; events: LoanEvent[] }): Promise<void> {
      await writeEvents(loan, events);
      await Promise.all([
        projectLoan(store.models, loan),
        requestAttestation(
          loan.loanId,
          events.filter(isAttested).map(({ seq }) => seq),
        ),
        notify(loan, events),
      ]);
    },
  };
}

export type LendingActivities = ReturnType<typeof createLendingActivities>;

import { ACTOR_TAG, ATTEST_TAG, KEY_TAG, LOAN_STREAM } from '../../domain/attestation.ts';
import { grantOf } from '../../domain/loan/loan.ts';
import { isAttested } from '../../domain/loan/notices.ts';
import { jcs, taggedSm3 } from '../../platform/crypto/index.ts';
import type { LoanEventRow, LoanRow, Store } from '../../platform/store/index.ts';
import type { LedgerRecordSeen } from './ledger.ts';

/** An event that waits longer than this for its attestation is stuck. */
export const LOAN_LATE_MS = 60_000;

const isSame = (a: unknown, b: unknown): boolean => (a === undefined || b === undefined ? a === b : jcs(a) === jcs(b));

/** What an event says must be what its manifest says, and the manifest what was attested; null if so. */
function faultOf(event: LoanEventRow): string | null {
  const { manifest, salt, loanId, seq, act, from, to, at, by, grant } = event;
  if (manifest === undefined || salt === undefined) return 'has nothing that was attested';
  const actor = taggedSm3(ACTOR_TAG, Buffer.from(salt, 'hex'), by).toString('hex');
  const said = { loanId, seq, act, from, to, at: new Date(at).toISOString(), actor, grant };
  const differs = Object.entries(said).find(([name, value]) => !isSame(manifest[name], value));
  return differs === undefined ? null : `says another ${differs[0]} than its manifest`;
}

/**
 * Checks the events of loans against the records of the ledger: numbered without a gap, each that changes a state or
 * decides something attested once and as it stands here, none on the ledger that is not here, and the loan shown as its
 * last event left it, and giving what its last approval left. What happened less than `LOAN_LATE_MS` before `asOf`, when
 * the ledger was read, may be on its way.
 */
export async function checkLoans(
  { models }: Pick<Store, 'models'>,
  memberId: string,
  records: readonly LedgerRecordSeen[],
  asOf: number,
  find: (where: string, reason: string) => void,
): Promise<void> {
  /** By key of the loan: its digests on the ledger, and how often each. */
  const onLedger = new Map<string, Map<string, number>>();
  for (const { sender, stream, key, digest } of records) {
    if (sender !== memberId || stream !== LOAN_STREAM) continue;
    const digests = onLedger.get(key) ?? new Map<string, number>();
    onLedger.set(key, digests.set(digest, (digests.get(digest) ?? 0) + 1));
  }
  const check = async (loanId: string, events: readonly LoanEventRow[]) => {
    const key = taggedSm3(KEY_TAG, loanId).toString('hex');
    const digests = onLedger.get(key) ?? new Map<string, number>();
    onLedger.delete(key);
    for (const [i, event] of events.entries()) {
      const where = `loan ${loanId} event ${event.seq}`;
      if (event.seq !== i + 1 && (i === 0 || event.seq !== events[i - 1]!.seq + 1))
        find(where, 'the one before is gone');
      if (!isAttested(event)) continue;
      const fault = faultOf(event);
      if (fault !== null) find(where, fault);
      if (event.manifest === undefined || event.salt === undefined) continue;
      const digest = taggedSm3(ATTEST_TAG, Buffer.from(event.salt, 'hex'), jcs(event.manifest)).toString('hex');
      const times = digests.get(digest) ?? 0;
      digests.delete(digest);
      if (times > 1 || (times === 0 && event.at < asOf - LOAN_LATE_MS)) find(where, `is on the ledger ${times} times`);
    }
    if (digests.size > 0) find(`loan ${loanId}`, `${digests.size} events on the ledger are not here as they were`);
    const last = events.at(-1)!;
    const shown = await models.Loan.findOne({ loanId }).select('seq state request granted').lean<LoanRow>();
    if (shown === null) return find(`loan ${loanId}`, 'is gone, its events are here');
    if (last.at >= asOf - LOAN_LATE_MS || shown.seq !== last.seq) return;
    if (shown.state !== last.to)
      find(`loan ${loanId}`, `is shown as ${shown.state}, its last event left it ${last.to}`);
    const approval = events.findLast(({ act }) => act === 'submit' || act === 'approve' || act === 'passLevel');
    if (approval?.grant !== undefined && !isSame(grantOf(shown), approval.grant.given))
      find(`loan ${loanId}`, `gives another right, branch or term than event ${approval.seq} left`);
  };
  let events: LoanEventRow[] = [];
  for await (const event of models.LoanEvent.find().sort({ loanId: 1, seq: 1 }).lean<LoanEventRow>()) {
    if (events.length > 0 && events[0]!.loanId !== event.loanId) {
      await check(events[0]!.loanId, events);
      events = [];
    }
    events.push(event);
  }
  if (events.length > 0) await check(events[0]!.loanId, events);
  for (const digests of onLedger.values())
    find('loans', `${digests.size} events on the ledger of a loan that is not here`);
}

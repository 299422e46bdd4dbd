import { createLendingActivities } from '../../../activities/lending.ts';
import { grantOf, type Loan, type LoanEvent } from '../../../domain/loan/loan.ts';
import type { LedgerRecordSeen } from '../../../ops/fsck/ledger.ts';
import { checkLoans, LOAN_LATE_MS } from '../../../ops/fsck/loans.ts';
import { openStore, type Store } from '../../../platform/store/index.ts';
import { makeCard } from '../../fixtures/card.ts';
import { draftLoan } from '../../fixtures/loan.ts';

const AT = Date.UTC(2026, 0, 5);
let made: Awaited<ReturnType<typeof makeCard>>;
let store: Store;
beforeAll(async () => {
  made = await makeCard();
  store = await openStore({ uri: process.env.TEST_MONGODB_URI!, db: 'fsck-loans' }, made.card);
});
afterAll(async () => {
  await store.connection.dropDatabase();
  await store.close();
  made.close();
});

/** The approval of one says what it gave; that of the other is of before this was kept. */
const given = grantOf(draftLoan(AT));
const grants: Record<string, Pick<LoanEvent, 'grant'>> = { ln_a: { grant: { asked: given, given } } };

/** Loans written down as their workflows have it done, and the ledger's records of them. */
async function written(): Promise<LedgerRecordSeen[]> {
  const { Loan, LoanEvent, OutboxItem } = store.models;
  for (const model of [Loan, LoanEvent, OutboxItem]) await model.collection.deleteMany({});
  const signals = { backlog: async () => {}, notices: async () => {}, attested: async () => {} };
  const lending = createLendingActivities({ memberId: 'yz1', store, signals, noticeChannels: [] } as never);
  for (const loanId of ['ln_a', 'ln_b']) {
    const loan: Loan = draftLoan(AT, { loanId, archiveId: `ar_${loanId}`, state: 'approved', seq: 3 });
    const names = { applicantName: 'x', patientNo: loanId, visitNo: '1', patientName: 'x' };
    await Loan.create({ ...loan, ...names, state: 'draft', seq: 0, open: true, createdAt: AT, updatedAt: AT } as never);
    const events = [
      { seq: 1, act: 'submit', from: 'draft', to: 'pendingReview', at: AT, by: 'zhou' },
      { seq: 2, act: 'claim', from: 'pendingReview', to: 'pendingReview', at: AT + 1, by: 'lin' },
      { seq: 3, act: 'approve', from: 'pendingReview', to: 'approved', at: AT + 2, by: 'lin', ...grants[loanId] },
    ] satisfies LoanEvent[];
    await lending.recordLoan({ loan, events });
  }
  const items = await OutboxItem.find({ stream: 'loan' }).lean();
  return items.map(({ key, digest }) => ({ height: 1, sender: 'yz1', stream: 'loan', key, digest, note: '' }));
}
async function findings(records: readonly LedgerRecordSeen[], asOf = AT + 2 * LOAN_LATE_MS): Promise<string[]> {
  const found: string[] = [];
  await checkLoans(store, 'yz1', records, asOf, (where, reason) => found.push(`${where}: ${reason}`));
  return found;
}

test('events that stand as they were attested: nothing is found; what just happened may be on its way', async () => {
  const records = await written();
  expect(records).toHaveLength(4);
  expect(await findings(records)).toEqual([]);
  expect(await findings([], AT + 10)).toEqual([]);
  expect(await findings([])).toHaveLength(4);
});

test.each<[string, (records: LedgerRecordSeen[]) => Promise<unknown> | unknown, string[]]>([
  [
    'edited beside its manifest',
    () => store.models.LoanEvent.collection.updateOne({ loanId: 'ln_a', seq: 3 }, { $set: { by: 'luo' } }),
    ['loan ln_a event 3: says another actor than its manifest'],
  ],
  [
    'edited with its manifest',
    () =>
      store.models.LoanEvent.collection.updateOne(
        { loanId: 'ln_a', seq: 1 },
        { $set: { at: AT + 5, 'manifest.at': new Date(AT + 5).toISOString() } },
      ),
    ['loan ln_a event 1: is on the ledger 0 times', 'loan ln_a: 1 events on the ledger are not here as they were'],
  ],
  [
    'removed',
    () => store.models.LoanEvent.collection.deleteOne({ loanId: 'ln_b', seq: 1 }),
    ['loan ln_b event 2: the one before is gone', 'loan ln_b: 1 events on the ledger are not here as they were'],
  ],
  [
    'removed with its loan',
    async () => {
      await store.models.LoanEvent.collection.deleteMany({ loanId: 'ln_b' });
      await store.models.Loan.collection.deleteMany({ loanId: 'ln_b' });
    },
    ['loans: 2 events on the ledger of a loan that is not here'],
  ],
  ['attested twice', (records) => records.push(records[0]!), ['loan ln_a event 1: is on the ledger 2 times']],
  [
    'edited in what it gave',
    () =>
      store.models.LoanEvent.collection.updateOne(
        { loanId: 'ln_a', seq: 3 },
        { $set: { 'grant.given.rights': ['view', 'print'] } },
      ),
    [
      'loan ln_a event 3: says another grant than its manifest',
      'loan ln_a: gives another right, branch or term than event 3 left',
    ],
  ],
  [
    'robbed of what it gave',
    () => store.models.LoanEvent.collection.updateOne({ loanId: 'ln_a', seq: 3 }, { $unset: { grant: 1 } }),
    ['loan ln_a event 3: says another grant than its manifest'],
  ],
  [
    'overruled by its loan',
    () =>
      store.models.Loan.collection.updateOne(
        { loanId: 'ln_a' },
        { $set: { granted: { ...given, rights: ['view', 'download'] } } },
      ),
    ['loan ln_a: gives another right, branch or term than event 3 left'],
  ],
  [
    'shown in another state',
    () => store.models.Loan.collection.updateOne({ loanId: 'ln_a' }, { $set: { state: 'onLoan' } }),
    ['loan ln_a: is shown as onLoan, its last event left it approved'],
  ],
])('an event that was %s is named', async (_what, harm, expected) => {
  const records = await written();
  await harm(records);
  expect(await findings(records)).toEqual(expected);
});

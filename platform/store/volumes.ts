import { SealfolioError } from '../../domain/errors.ts';
import type { Loan } from '../../domain/loan/loan.ts';
import type { Models } from './index.ts';
import type { LoanRow } from './models/loan.ts';

const DUPLICATE_KEY = 11_000;

/** Whether paper goes out of the records room by it: the same paper by one loan at a time, from its being handed in to its end. */
export const isOfPaper = ({ request }: Pick<Loan, 'request'>): boolean => request.place === 'outOfRoom';

/** What a row that is handed in says of the paper that goes out by it. */
export const volumeOf = (loan: Pick<Loan, 'archiveId' | 'request'>): Pick<LoanRow, 'volume'> =>
  isOfPaper(loan) ? { volume: loan.archiveId } : {};

/** The error of a write by which the same paper would go out twice. */
export function isVolumeOut(error: unknown): boolean {
  const { code, keyPattern } = error as { code?: number; keyPattern?: Record<string, unknown> };
  return code === DUPLICATE_KEY && keyPattern?.volume === 1;
}

/** Takes the paper of an archive for a loan that is to be handed in, if it asks for it. Throws loan-volume-out. */
export async function takeVolume(
  { Loan }: Models,
  loanId: string,
  loan: Parameters<typeof volumeOf>[0],
): Promise<void> {
  if (!isOfPaper(loan)) return;
  try {
    await Loan.updateOne({ loanId, state: { $in: ['draft', 'sentBack'] } }, { $set: volumeOf(loan) });
  } catch (error) {
    throw isVolumeOut(error) ? new SealfolioError('loan-volume-out', { archiveId: loan.archiveId }) : error;
  }
}

/** Rows that were handed in before they told whose paper goes out by them; of two of one archive, the first. */
export async function tellVolumes({ Loan }: Models): Promise<void> {
  const paper = { open: true, 'request.place': 'outOfRoom', state: { $ne: 'draft' }, volume: { $exists: false } };
  for (const { loanId, archiveId } of await Loan.find(paper as never)
    .sort({ submittedAt: 1 })
    .lean<LoanRow[]>())
    await Loan.updateOne({ loanId }, { $set: { volume: archiveId } }).catch((error: unknown) => {
      if (!isVolumeOut(error)) throw error;
    });
}

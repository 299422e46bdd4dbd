import { carryOut } from './acts.ts';
import type { Loan, LoanTerms, Outcome } from './loan.ts';

/** A draft as it was handed in: the same for the workflow that begins with it, and for whoever started that. */
export const submitDraft = (draft: Loan, terms: LoanTerms): Outcome =>
  carryOut(
    draft,
    { act: 'submit', by: draft.applicant, request: draft.request, levels: draft.levels },
    draft.submittedAt!,
    terms,
  );

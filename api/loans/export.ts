import { PLACE_NAMES, PURPOSE_NAMES } from '../../domain/loan/policy.ts';
import { LOAN_STATUS } from '../../domain/loan/state.ts';
import type { LoanRow } from '../../platform/store/index.ts';
import type { ApiDeps } from '../deps.ts';
import { atMinute, columns } from '../exports/columns.ts';
import { exportRoute, foundBy } from '../exports/export.ts';
import type { Route } from '../route.ts';
import { filterOf, loanFilter } from './list.ts';
import { powersOf } from './powers.ts';

/** 导出借阅列表: of loans that the person may know of. */
export const loanExport = (deps: ApiDeps): Route =>
  exportRoute(deps, {
    path: '/loans',
    permission: 'loan:read',
    action: 'loan.export',
    sheet: '借阅',
    filter: loanFilter,
    columns: columns<LoanRow>({
      patient: ({ patientName }) => patientName,
      patientNo: ({ patientNo }) => patientNo,
      visitNo: ({ visitNo }) => visitNo,
      state: ({ state }) => LOAN_STATUS[state].zh,
      applicant: ({ applicantName }) => applicantName,
      purpose: ({ request }) => PURPOSE_NAMES[request.purpose].zh,
      place: ({ request }) => PLACE_NAMES[request.place].zh,
      reason: ({ request }) => request.reason,
      days: ({ granted, request }) => granted?.days ?? request.days,
      submitted: ({ submittedAt }) => atMinute(submittedAt),
      expires: ({ task }) => atMinute(task?.expireAt),
      started: ({ startedAt }) => atMinute(startedAt),
      due: ({ dueAt }) => atMinute(dueAt),
      renewals: ({ renewals }) => renewals.filter(({ outcome }) => outcome === 'granted').length,
      closed: ({ closed }) => atMinute(closed?.at),
      policyVersion: ({ policyVersion }) => policyVersion,
      loan: ({ loanId }) => loanId,
    }),
    find: (filter, limit, actor) =>
      foundBy<LoanRow>(
        deps.store.models.Loan.collection,
        { found: filterOf(filter, powersOf(actor)), rest: {}, sort: { createdAt: -1, loanId: -1 } },
        limit,
      ),
  });

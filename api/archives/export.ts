import { COMPLETENESS } from '../../domain/catalog/completeness.ts';
import { FRONT_PAGE_STATES } from '../../domain/front-page/quality.ts';
import { MARK_NAMES } from '../../domain/loan/policy.ts';
import { STATUS } from '../../domain/status.ts';
import type { Archive } from '../../platform/store/index.ts';
import type { ApiDeps } from '../deps.ts';
import { atMinute, columns, yes } from '../exports/columns.ts';
import { exportRoute } from '../exports/export.ts';
import type { Route } from '../route.ts';
import { allArchives, archiveFilter } from './list.ts';

/** 导出档案列表. */
export const archiveExport = (deps: ApiDeps): Route =>
  exportRoute(deps, {
    path: '/archives',
    permission: 'archive:read',
    action: 'archive.export',
    sheet: '档案',
    filter: archiveFilter,
    columns: columns<Archive>({
      patient: ({ patientName }) => patientName,
      patientNo: ({ patientNo }) => patientNo,
      visitNo: ({ visitNo }) => visitNo,
      mother: ({ motherPatientNo }) => motherPatientNo,
      department: ({ department }) => department,
      admitted: ({ admittedAt }) => atMinute(admittedAt),
      discharged: ({ dischargedAt }) => atMinute(dischargedAt),
      state: ({ state }) => STATUS[state].zh,
      completeness: ({ completeness }) => completeness && COMPLETENESS[completeness].zh,
      frontPage: ({ frontPage }) => FRONT_PAGE_STATES[frontPage].zh,
      pages: ({ pageCount }) => pageCount,
      version: ({ currentVersion }) => currentVersion,
      corrected: ({ corrected = 0 }) => corrected,
      attested: ({ attestedAt }) => atMinute(attestedAt),
      held: ({ legalHold }) => yes(legalHold !== undefined),
      marks: ({ marks = [] }) => marks.map((mark) => MARK_NAMES[mark].zh).join('、'),
      archive: ({ archiveId }) => archiveId,
    }),
    traceOf: async ({ q }) => (q === undefined || q === '' ? {} : { term: await deps.store.trace.termOf(q) }),
    find: (filter, limit) => allArchives(deps.store, filter, limit),
  });

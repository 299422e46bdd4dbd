import { z } from 'zod';
import {
  changedFields,
  CORRECTION_STATUS,
  REGISTERED_NAMES,
  type Registered,
  type RegisteredField,
} from '../../domain/correction.ts';
import type { Correction } from '../../platform/store/index.ts';
import type { ApiDeps } from '../deps.ts';
import { atMinute, columns } from '../exports/columns.ts';
import { as, exportRoute, foundBy } from '../exports/export.ts';
import type { Route } from '../route.ts';
import type { ShownCorrection } from './schemas.ts';
import { correctionsShown } from './shown.ts';

const valueOf = (registered: Registered, field: RegisteredField): string =>
  (field === 'admittedAt' || field === 'dischargedAt' ? atMinute(registered[field]) : registered[field]) ?? '';
/** Of what a correction changes, how it is on one side. */
const side = (which: 'before' | 'after') => (one: ShownCorrection) =>
  changedFields(one.before, one.after)
    .map((field) => `${REGISTERED_NAMES[field]}：${valueOf(one[which], field)}`)
    .join('；');

/** 导出待审更正. */
export const correctionExport = (deps: ApiDeps): Route =>
  exportRoute(deps, {
    path: '/corrections',
    permission: 'correction:decide',
    action: 'correction.export',
    sheet: '更正审批',
    filter: z.object({}),
    columns: columns<ShownCorrection>({
      archive: ({ archiveId }) => archiveId,
      correction: ({ correction }) => correction,
      patient: ({ before }) => before.patientName,
      state: ({ state }) => CORRECTION_STATUS[state].zh,
      before: side('before'),
      after: side('after'),
      applicant: ({ byName }) => byName,
      reason: ({ reason }) => reason,
      submitted: ({ at }) => atMinute(at),
    }),
    async find(_filter, limit) {
      const plan = { found: { state: 'proposed' }, rest: {}, sort: { at: 1, _id: 1 } } as const;
      const found = await foundBy<Correction>(deps.store.models.Correction.collection, plan, limit);
      return as(found, (some) => correctionsShown(deps.store, some));
    },
  });

import { ROLE_NAMES } from '../../domain/access.ts';
import { TRACE_ACTIONS, TRACE_KIND_NAMES, TRACE_PROOFS, TRACE_RESULT_NAMES } from '../../domain/trace.ts';
import type { TraceEntry } from '../../platform/store/index.ts';
import type { ApiDeps } from '../deps.ts';
import { columns } from '../exports/columns.ts';
import { exportRoute } from '../exports/export.ts';
import type { Route } from '../route.ts';
import { allTrace, lookedFor, traceFilter } from './list.ts';

const second = new Intl.DateTimeFormat('sv-SE', { timeZone: 'Asia/Shanghai', dateStyle: 'short', timeStyle: 'medium' });

/** 导出追溯. */
export const traceExport = (deps: ApiDeps): Route =>
  exportRoute(deps, {
    path: '/trace',
    permission: 'trace:read',
    action: 'trace.export',
    sheet: '追溯',
    filter: traceFilter,
    columns: columns<TraceEntry>({
      seq: ({ seq }) => seq,
      time: ({ at }) => second.format(at),
      actor: ({ actor }) => actor.id,
      roles: ({ actor }) =>
        actor.roles.map((role) => ROLE_NAMES[role as keyof typeof ROLE_NAMES]?.zh ?? role).join('、'),
      proof: ({ actor: { proof } }) => proof && TRACE_PROOFS[proof.kind].zh,
      address: ({ from }) => from?.address,
      kind: ({ kind }) => TRACE_KIND_NAMES[kind].zh,
      action: ({ action }) => TRACE_ACTIONS[action].zh,
      object: ({ object }) => object.id,
      archive: ({ archiveId }) => archiveId,
      patientId: ({ patientId }) => patientId,
      loan: ({ loanId }) => loanId,
      reason: ({ reason }) => reason,
      details: ({ details }) => (details === undefined ? undefined : JSON.stringify(details)),
      result: ({ result }) => TRACE_RESULT_NAMES[result].zh,
      hash: ({ hash }) => hash,
    }),
    traceOf: (filter) => lookedFor(deps.store, filter),
    find: (filter, limit) => allTrace(deps.store, filter, limit),
  });

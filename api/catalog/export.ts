import type { CatalogSuggestion } from '../../platform/store/index.ts';
import type { ApiDeps } from '../deps.ts';
import { atMinute, columns, yes } from '../exports/columns.ts';
import { as, exportRoute, foundBy } from '../exports/export.ts';
import type { Route } from '../route.ts';
import { type Queued, queueFilter, queueOrder, queuePlan, withArchives } from './queue.ts';

/** 导出待确认页面. */
export const queueExport = (deps: ApiDeps): Route =>
  exportRoute(deps, {
    path: '/catalog-queue',
    permission: 'catalog:write',
    action: 'catalog.queueExport',
    sheet: '待确认页面',
    filter: queueFilter.extend({ order: queueOrder }),
    columns: columns<Queued>({
      patient: ({ archive }) => archive.patientName,
      patientNo: ({ archive }) => archive.patientNo,
      visitNo: ({ archive }) => archive.visitNo,
      department: ({ archive }) => archive.department,
      discharged: ({ archive }) => atMinute(archive.dischargedAt),
      pages: ({ archive }) => archive.pageCount,
      doubtful: ({ row }) => row.doubtful,
      foreign: ({ row: { foreign = 0 } }) => foreign,
      lowest: ({ row }) => row.lowest,
      held: ({ archive }) => yes(archive.legalHold !== undefined),
      looked: ({ row }) => atMinute(row.at),
      archive: ({ archive }) => archive.archiveId,
    }),
    async find({ order, ...filter }, limit) {
      const { models } = deps.store;
      const plan = queuePlan(filter, order, null, String);
      const found = await foundBy<CatalogSuggestion>(models.CatalogSuggestion.collection, plan, limit);
      return as(found, (some) => withArchives(models, some));
    },
  });

import { STATUS } from '../../domain/status.ts';
import type { Batch } from '../../platform/store/index.ts';
import type { ApiDeps } from '../deps.ts';
import { atMinute, columns, yes } from '../exports/columns.ts';
import { exportRoute, foundBy } from '../exports/export.ts';
import type { Route } from '../route.ts';
import { batchesOf, batchFilter } from './list.ts';

const refusedOf = ({ parts }: Batch): string =>
  parts
    .flatMap(({ fileName, refusal }) => (refusal === undefined ? [] : [`${fileName}：${refusal.reason}`]))
    .join('；');

/** 导出接收批次. */
export const batchExport = (deps: ApiDeps): Route =>
  exportRoute(deps, {
    path: '/batches',
    permission: 'batch:read',
    action: 'batch.export',
    sheet: '接收',
    filter: batchFilter,
    columns: columns<Batch>({
      batch: ({ batchId }) => batchId,
      state: ({ state }) => STATUS[state].zh,
      sender: ({ sender }) => sender,
      scanner: ({ scannerId }) => scannerId,
      late: ({ isLate = false }) => yes(isLate),
      files: ({ parts }) => parts.length,
      pages: ({ parts }) => parts.reduce((sum, { pageCount }) => sum + pageCount, 0),
      refused: refusedOf,
      registered: ({ createdAt }) => atMinute(createdAt),
      committed: ({ committedAt }) => atMinute(committedAt),
      version: ({ version }) => version,
      archive: ({ archiveId }) => archiveId,
    }),
    find: (filter, limit) =>
      foundBy<Batch>(
        deps.store.models.Batch.collection,
        { found: batchesOf(filter), rest: {}, sort: { createdAt: -1, _id: -1 } },
        limit,
      ),
  });

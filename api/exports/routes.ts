import { archiveExport } from '../archives/export.ts';
import { batchExport } from '../batches/export.ts';
import { queueExport } from '../catalog/export.ts';
import { correctionExport } from '../corrections/export.ts';
import type { ApiDeps } from '../deps.ts';
import { loanExport } from '../loans/export.ts';
import { userExport } from '../people/export.ts';
import type { Route } from '../route.ts';
import { traceExport } from '../trace/export.ts';
import { workflowExports } from '../workflows/export.ts';

/** 导出: lists that people work in, as workbooks. */
export const exportRoutes = (deps: ApiDeps): Route[] => [
  archiveExport(deps),
  batchExport(deps),
  queueExport(deps),
  correctionExport(deps),
  loanExport(deps),
  userExport(deps),
  traceExport(deps),
  ...workflowExports(deps),
];

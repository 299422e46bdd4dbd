import type { DocumentType } from '../catalog.ts';

/** 目录重建: how far a job over many archives goes. */
export const REBUILD_MODES = {
  /** Says what it would do, and keeps nothing but that. */
  dryRun: { zh: '试运行', en: 'Dry run' },
  /** Keeps what pages seem to be, for people to look at. */
  suggest: { zh: '只给出建议', en: 'Suggestions only' },
  /** Moves too what is sure enough by the template. */
  apply: { zh: '重建', en: 'Rebuild' },
} as const;
export type RebuildMode = keyof typeof REBUILD_MODES;

export const REBUILD_STATES = {
  running: { zh: '进行中', en: 'Running' },
  paused: { zh: '已暂停', en: 'Paused' },
  done: { zh: '已完成', en: 'Done' },
  cancelled: { zh: '已取消', en: 'Cancelled' },
} as const;
export type RebuildState = keyof typeof REBUILD_STATES;

/** What became of one archive; in a dry run, what would have. */
export const REBUILD_OUTCOMES = {
  changed: { zh: '已重建', en: 'Rebuilt' },
  unchanged: { zh: '无需修改', en: 'Unchanged' },
  skipped: { zh: '跳过', en: 'Skipped' },
  failed: { zh: '失败', en: 'Failed' },
} as const;
export type RebuildOutcome = keyof typeof REBUILD_OUTCOMES;

/** Which archives: all that fit what is given. */
export interface RebuildRange {
  archiveId?: string | undefined;
  department?: string | undefined;
  /** Instants (ISO): from the first on, before the second. */
  dischargedFrom?: string | undefined;
  dischargedTo?: string | undefined;
  /** Those that are catalogued by this version of the template. */
  templateVersion?: number | undefined;
}

/** A page that a job moved, or would. */
export interface RebuildMove {
  page: number;
  from: DocumentType;
  to: DocumentType;
  confidence: number;
}

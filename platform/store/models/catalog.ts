import { type Connection, Schema } from 'mongoose';
import type { Classification } from '../../../domain/catalog/classify.ts';
import type { ForeignEvidence } from '../../../domain/catalog/foreign.ts';
import type {
  RebuildMode,
  RebuildMove,
  RebuildOutcome,
  RebuildRange,
  RebuildState,
} from '../../../domain/catalog/rebuild.ts';

/** What one page of an original seems to be; `foreign`: of another patient or visit, and by what; `kept`: a person looked, and leaves it where it lies. */
export interface SuggestedPage {
  objectId: string;
  page: number;
  suggested: Classification | null;
  foreign?: ForeignEvidence;
  kept?: { by: string; at: Date };
}

/** 分类建议: what the pages of an archive seem to be, beside it; the originals and the catalogue stay as they are. */
export interface CatalogSuggestion {
  archiveId: string;
  templateVersion: number;
  pages: SuggestedPage[];
  /** Pages that wait for a person, by the catalogue of today, and the least confidence among them. */
  doubtful: number;
  lowest: number;
  /** Of them, those that seem to be of another patient or visit; absent: none. */
  foreign?: number;
  isOpen: boolean;
  /** As the archive has them, for lists. */
  dischargedAt: Date;
  department: string;
  at: Date;
}

/** 目录重建任务, over a range of archives. */
export interface CatalogJob {
  rebuildId: string;
  by: string;
  mode: RebuildMode;
  range: RebuildRange;
  reason: string;
  state: RebuildState;
  /** Archives in the range when it began; those with another template are among them. */
  total: number;
  createdAt: Date;
  endedAt?: Date;
}

export interface CatalogJobRow {
  rebuildId: string;
  archiveId: string;
  outcome: RebuildOutcome;
  /** Why it was skipped, or failed. */
  code?: string;
  moves: RebuildMove[];
  doubtful: number;
  /** Versions of the template, where it changes. */
  template?: { from: number; to: number };
  /** The edit that it made: `version.edit`. */
  place?: string;
}

const options = { strict: 'throw', versionKey: false, minimize: false } as const;
const text = { type: String, required: true } as const;
const number = { type: Number, required: true } as const;
const instant = { type: Date, required: true } as const;
const mixed = Schema.Types.Mixed;

const suggestion = new Schema<CatalogSuggestion>(
  {
    archiveId: { ...text, unique: true },
    templateVersion: number,
    pages: { type: [mixed], required: true } as never,
    doubtful: number,
    lowest: number,
    foreign: Number,
    isOpen: { type: Boolean, required: true },
    dischargedAt: instant,
    department: { type: String, default: '' },
    at: instant,
  },
  options,
);
suggestion.index({ isOpen: 1, dischargedAt: -1, _id: -1 });
suggestion.index({ isOpen: 1, lowest: 1, _id: 1 });
suggestion.index({ isOpen: 1, department: 1, dischargedAt: -1, _id: -1 });
suggestion.index({ isOpen: 1, department: 1, lowest: 1, _id: 1 });

const job = new Schema<CatalogJob>(
  {
    rebuildId: { ...text, unique: true },
    by: text,
    mode: text,
    range: { type: mixed, required: true },
    reason: text,
    state: text,
    total: number,
    createdAt: instant,
    endedAt: Date,
  },
  options,
);
job.index({ createdAt: -1 });

const row = new Schema<CatalogJobRow>(
  {
    rebuildId: text,
    archiveId: text,
    outcome: text,
    code: String,
    moves: { type: [mixed], required: true } as never,
    doubtful: number,
    template: mixed,
    place: String,
  },
  options,
);
row.index({ rebuildId: 1, archiveId: 1 }, { unique: true });
row.index({ rebuildId: 1, outcome: 1, archiveId: 1 });

export const createCatalogModels = (connection: Connection) => ({
  CatalogSuggestion: connection.model('CatalogSuggestion', suggestion, 'catalogSuggestions'),
  CatalogJob: connection.model('CatalogJob', job, 'catalogJobs'),
  CatalogJobRow: connection.model('CatalogJobRow', row, 'catalogJobRows'),
});

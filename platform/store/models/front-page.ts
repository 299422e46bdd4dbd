import { type Connection, Schema } from 'mongoose';
import type { FrontPageCheck } from '../../../domain/front-page/quality.ts';

/** 首页质控: one check of one front page. What was filled in is a sealed object; the row says what was wrong with it, field by field. */
export interface FrontPageRow extends FrontPageCheck {
  archiveId: string;
  /** From 1; the last one is how the archive stands. */
  check: number;
  objectId: string;
  /** Who entered it, sent it, or corrected what it is held against. */
  by: string;
  at: Date;
  /** It came with this batch. */
  batchId?: string;
  /** Checked again, as what the archive is registered with was corrected. */
  correction?: number;
}

const schema = new Schema<FrontPageRow>(
  {
    archiveId: { type: String, required: true },
    check: { type: Number, required: true },
    objectId: { type: String, required: true },
    rules: { type: Number, required: true },
    state: { type: String, enum: ['passed', 'faulty'], required: true },
    findings: { type: [{ field: String, rule: String, _id: false }], required: true },
    by: { type: String, required: true },
    at: { type: Date, required: true },
    batchId: String,
    correction: Number,
  },
  { strict: 'throw', versionKey: false },
);
schema.index({ archiveId: 1, check: 1 }, { unique: true });
schema.index({ objectId: 1 });
// What came with a batch is taken once.
schema.index({ batchId: 1 }, { unique: true, partialFilterExpression: { batchId: { $exists: true } } });

export const createFrontPageModels = (connection: Connection) => ({
  FrontPage: connection.model('FrontPage', schema, 'frontPages'),
});

import { type Connection, Schema } from 'mongoose';
import type { DocumentType } from '../../../domain/catalog.ts';
import { BatchState, PartState } from '../../../domain/status.ts';

export interface Refusal {
  code: string;
  field: string;
  reason: string;
}

export interface Part {
  partNo: number;
  fileName: string;
  mediaType: string;
  documentType: DocumentType;
  bytes: number;
  sm3: string;
  pageCount: number;
  /** 分隔页: the first page is a separator sheet, kept and not shown. */
  separatorFirst?: boolean;
  state: PartState;
  objectId?: string;
  /** Size on paper of each page, in millimetres, once it is checked. */
  pages?: { widthMm: number; heightMm: number }[];
  refusal?: Refusal;
}

/** What is known of a visit that has not ended: it has no archive yet. */
export interface ParkedVisit {
  patientNo: string;
  visitNo: string;
  patientName: string;
  department?: string | undefined;
  motherPatientNo?: string | undefined;
  /** RFC 3339. */
  admittedAt?: string | undefined;
}

/** 接收批次: what one scanner or HIS announced for one visit, and what became of each file. */
export interface Batch {
  batchId: string;
  scannerId?: string;
  /** Of a visit that has not ended: the one that it would be; from its discharge on, the one that it is. */
  archiveId: string;
  /** Until the visit ends. */
  visit?: ParkedVisit;
  /** What the visit was said to be before, where that was corrected. */
  corrected?: { before: ParkedVisit; by: string; reason: string; at: Date }[];
  withdrawn?: { by: string; reason: string; at: Date };
  reason?: string;
  /** 首页数据 that came with it, sealed: the object. */
  frontPage?: string;
  /** 补扫: the visit was archived when it was announced. */
  isLate?: boolean;
  /** 重发: the batch whose refused files these stand in for, under their numbers. */
  retryOf?: string;
  /** Which refused file which other batch brings in; written when that one is committed. */
  retried?: { partNo: number; batchId: string }[];
  /** Nothing refused is left that no other batch brings in. */
  isRetried?: boolean;
  documentsComplete: boolean;
  /** SM3 of the JCS of the registration: the same batch again is told from another under its name. */
  registrationSm3: string;
  state: BatchState;
  parts: Part[];
  sender: string;
  version?: number;
  createdAt: Date;
  committedAt?: Date;
}

/** 扫描站: who sends batches, and when it was last heard of. */
export interface Station {
  /** The app or the person that is logged in. */
  sender: string;
  /** What the sender calls the scanner; empty if it names none. */
  scannerId: string;
  lastContactAt: Date;
  /** Visits that lie with it and are not in yet, and those it keeps as refused; of stations that say so. */
  waiting?: number;
  refused?: number;
}

const part = new Schema<Part>(
  {
    partNo: { type: Number, required: true },
    fileName: { type: String, required: true },
    mediaType: { type: String, required: true },
    documentType: { type: String, required: true },
    bytes: { type: Number, required: true },
    sm3: { type: String, required: true },
    pageCount: { type: Number, required: true },
    separatorFirst: Boolean,
    state: { type: String, enum: Object.values(PartState), required: true },
    objectId: String,
    pages: { type: [Schema.Types.Mixed], default: undefined } as never,
    refusal: { type: { code: String, field: String, reason: String }, _id: false },
  },
  { _id: false, strict: 'throw' },
);

const schema = new Schema<Batch>(
  {
    batchId: { type: String, required: true, unique: true },
    scannerId: String,
    archiveId: { type: String, required: true, index: true },
    visit: Schema.Types.Mixed,
    corrected: { type: [Schema.Types.Mixed], default: undefined } as never,
    withdrawn: { type: { by: String, reason: String, at: Date }, _id: false },
    reason: String,
    frontPage: String,
    isLate: Boolean,
    retryOf: String,
    retried: { type: [{ partNo: Number, batchId: String, _id: false }], default: undefined },
    isRetried: Boolean,
    documentsComplete: { type: Boolean, required: true },
    registrationSm3: { type: String, required: true },
    state: { type: String, enum: Object.values(BatchState), required: true },
    parts: [part],
    sender: { type: String, required: true },
    version: Number,
    createdAt: { type: Date, required: true },
    committedAt: Date,
  },
  { strict: 'throw', versionKey: false },
);
schema.index({ state: 1, createdAt: -1, _id: -1 });
schema.index({ createdAt: -1, _id: -1 });
schema.index({ sender: 1, scannerId: 1, createdAt: -1, _id: -1 });
schema.index({ isLate: 1, createdAt: -1, _id: -1 }, { partialFilterExpression: { isLate: true } });
schema.index(
  { 'visit.patientNo': 1, 'visit.visitNo': 1 },
  { partialFilterExpression: { 'visit.patientNo': { $exists: true } } },
);
schema.index({ 'parts.objectId': 1 }, { sparse: true });
schema.index({ frontPage: 1 }, { sparse: true });

const station = new Schema<Station>(
  {
    sender: { type: String, required: true },
    scannerId: { type: String, default: '' },
    lastContactAt: { type: Date, required: true },
    waiting: Number,
    refused: Number,
  },
  { strict: 'throw', versionKey: false },
);
station.index({ sender: 1, scannerId: 1 }, { unique: true });
station.index({ lastContactAt: -1 });

export const createBatchModels = (connection: Connection) => ({
  Batch: connection.model('Batch', schema, 'batches'),
  Station: connection.model('Station', station, 'stations'),
});

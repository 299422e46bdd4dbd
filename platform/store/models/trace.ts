import { type Connection, Schema } from 'mongoose';
import {
  type ActorProof,
  type TraceAction,
  TraceKind,
  type TraceManifest,
  TRACE_RESULTS,
  type TraceResult,
} from '../../../domain/trace.ts';

/**
 * 留痕: who did what to which object, from where, under what. Rows are only ever added; each holds the hash of the one
 * before (../trace.ts). Nobody is named but by opaque ids and user names.
 */
export interface TraceEntry {
  seq: number;
  at: Date;
  /** 3; before it `patientId` is under one key for all; absent in rows that do not say by what an actor was known. */
  format?: number;
  actor: {
    type: 'user' | 'app' | 'system' | 'anonymous';
    id: string;
    roles: string[];
    departmentId?: string;
    /** Absent where nothing was proven: a system that was just claimed, a log-in that failed, our own processes. */
    proof?: ActorProof;
  };
  /** Address and browser that it came from. */
  from?: { address: string; agent: string };
  action: TraceAction;
  kind: TraceKind;
  object: { type: string; id: string };
  archiveId?: string;
  /** Opaque: 病案号 under the patient's own salt (../pseudonyms.ts). */
  patientId?: string;
  loanId?: string;
  purpose?: string;
  /** What was searched for, as a keyed MAC: the same text gives the same term. */
  term?: string;
  reason?: string;
  details?: Record<string, unknown>;
  result: TraceResult;
  requestId: string;
  /** SM3 chain: this is the `hash` of row seq − 1. */
  previousHash: string;
  hash: string;
  /** HMAC-SM3 of the row's digest under a key that the card wraps: nobody makes a row in the database alone. */
  mac: string;
}

/** Rows that are attested together. It only says where: the ledger and the rows have all that verifying needs. */
export interface TraceBatch {
  from: number;
  to: number;
  manifest: TraceManifest;
  /** Digests of the rows, packed: they tell which row differs, once their root is the attested one. */
  leaves: Buffer;
  createdAt: Date;
  attestation?: { txId: string; indexInTx: number; height: number; logIndex: number; at: Date };
}

/** What the id of one patient is made of in the trace, besides 病案号 and the key: who erases it ends the id. */
export interface PatientSalt {
  /** A keyed MAC of 病案号. */
  key: string;
  /** Random, hex. */
  salt: string;
  /** Someone asked for it to be erased; another person has to say the same. It names no number, and goes with the salt. */
  erasure?: { erasureId: string; by: string; reason: string; at: Date };
}

const mixed = Schema.Types.Mixed;
const text = { type: String, required: true } as const;
const number = { type: Number, required: true } as const;
const entry = new Schema<TraceEntry>(
  {
    seq: { ...number, unique: true },
    format: Number,
    at: { type: Date, required: true },
    actor: { type: mixed, required: true },
    from: mixed,
    action: text,
    kind: { ...text, enum: Object.values(TraceKind) },
    object: { type: mixed, required: true },
    archiveId: String,
    patientId: String,
    loanId: String,
    purpose: String,
    term: String,
    reason: String,
    details: mixed,
    result: { ...text, enum: TRACE_RESULTS },
    requestId: text,
    previousHash: text,
    hash: text,
    mac: text,
  },
  { strict: 'throw', versionKey: false, minimize: false },
);
// Each filter that lists offer has one (api/trace/list.ts); all sort by seq.
entry.index({ at: 1, seq: 1 });
entry.index({ 'actor.id': 1, seq: -1 });
entry.index({ 'actor.id': 1, kind: 1, seq: -1 });
entry.index({ kind: 1, seq: -1 });
const only = (field: string) => ({ partialFilterExpression: { [field]: { $exists: true } } });
entry.index({ archiveId: 1, seq: -1 }, only('archiveId'));
entry.index({ patientId: 1, seq: -1 }, only('patientId'));
entry.index({ loanId: 1, seq: -1 }, only('loanId'));
entry.index({ term: 1, seq: -1 }, only('term'));
const refused = { partialFilterExpression: { result: { $in: ['denied', 'failed'] } } };
entry.index({ result: 1, seq: -1 }, refused);
entry.index({ result: 1, kind: 1, seq: -1 }, refused);
entry.index({ 'actor.id': 1, result: 1, seq: -1 }, refused);

const batch = new Schema<TraceBatch>(
  {
    from: { ...number, unique: true },
    to: { ...number, index: true },
    manifest: { type: mixed, required: true },
    leaves: { type: Buffer, required: true },
    createdAt: { type: Date, required: true },
    attestation: mixed,
  },
  { strict: 'throw', versionKey: false },
);
// The last that is attested.
batch.index({ to: -1 }, { partialFilterExpression: { attestation: { $exists: true } } });

const patientSalt = new Schema<PatientSalt>(
  { key: { ...text, unique: true }, salt: text, erasure: mixed },
  { strict: 'throw', versionKey: false },
);
// Erasures that wait, the oldest first.
patientSalt.index({ 'erasure.at': 1 }, only('erasure'));

export const createTraceModels = (connection: Connection) => ({
  TraceEntry: connection.model('TraceEntry', entry, 'trace'),
  TraceBatch: connection.model('TraceBatch', batch, 'traceBatches'),
  PatientSalt: connection.model('PatientSalt', patientSalt, 'patientSalts'),
});

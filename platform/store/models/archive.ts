import { type Connection, Schema } from 'mongoose';
import type { AttestationManifest, CatalogManifest, CorrectionManifest } from '../../../domain/attestation.ts';
import type { Catalog, CatalogTemplate, DocumentType } from '../../../domain/catalog.ts';
import { COMPLETENESS, type CompletenessState } from '../../../domain/catalog/completeness.ts';
import type { Registered } from '../../../domain/correction.ts';
import { FRONT_PAGE_POLICIES, FRONT_PAGE_STATES, type FrontPageState } from '../../../domain/front-page/quality.ts';
import { Mark } from '../../../domain/loan/policy.ts';
import { AttestationState } from '../../../domain/status.ts';
import { ASKED, type Asked } from './asked.ts';

/** 病案: one visit of one patient, as lists show it. What names the patient stays here, in the member's own database. */
export interface Archive {
  archiveId: string;
  patientNo: string;
  visitNo: string;
  patientName: string;
  department: string;
  /** 母亲病案号: of a newborn, which has a number of its own. */
  motherPatientNo?: string;
  admittedAt?: Date;
  dischargedAt: Date;
  /** 0 while the first version is on its way. */
  currentVersion: number;
  /** Edits of the current version's catalogue; absent: none. */
  catalogEdit?: number;
  /** Number of the last correction in force; absent: none. */
  corrected?: number;
  /** Transactions that read it to write elsewhere what it says (../in-turn.ts); absent: none. */
  turns?: number;
  state: AttestationState;
  pageCount: number;
  documentTypes: DocumentType[];
  /** How the catalogue of today stands, and the version of the template that says so; absent: not known yet. */
  completeness?: CompletenessState;
  completenessTemplate?: number;
  /** 首页质控: how its front page stands (../front-pages.ts). */
  frontPage: FrontPageState;
  /** 封存: nothing of it is lent while it stands. */
  legalHold?: { reason: string; by: string; at: Date };
  /** What 医务科 decides on when it is lent. */
  marks: Mark[];
  createdAt: Date;
  updatedAt: Date;
  attestedAt?: Date;
}

const state = { type: String, enum: Object.values(AttestationState), required: true };
const archive = new Schema<Archive>(
  {
    archiveId: { type: String, required: true, unique: true },
    patientNo: { type: String, required: true },
    visitNo: { type: String, required: true },
    patientName: { type: String, required: true },
    department: { type: String, default: '' },
    motherPatientNo: String,
    admittedAt: Date,
    dischargedAt: { type: Date, required: true },
    currentVersion: { type: Number, required: true },
    catalogEdit: Number,
    corrected: Number,
    turns: Number,
    state,
    pageCount: { type: Number, required: true },
    documentTypes: { type: [String], required: true },
    completeness: { type: String, enum: Object.keys(COMPLETENESS) },
    completenessTemplate: Number,
    frontPage: { type: String, enum: Object.keys(FRONT_PAGE_STATES), default: 'unchecked' },
    legalHold: { type: { reason: String, by: String, at: Date }, _id: false },
    marks: { type: [String], enum: Object.values(Mark), default: [] },
    createdAt: { type: Date, required: true },
    updatedAt: { type: Date, required: true },
    attestedAt: Date,
  },
  { strict: 'throw', versionKey: false },
);
archive.index({ patientNo: 1, visitNo: 1 }, { unique: true });
archive.index({ dischargedAt: -1, _id: -1 });
archive.index({ state: 1, dischargedAt: -1, _id: -1 });
archive.index({ department: 1, dischargedAt: -1, _id: -1 });
archive.index({ state: 1, department: 1, dischargedAt: -1, _id: -1 });
archive.index({ patientName: 1, _id: 1 });
archive.index({ state: 1, patientName: 1, _id: 1 });
archive.index({ department: 1, patientName: 1, _id: 1 });
archive.index({ completeness: 1, dischargedAt: -1, _id: -1 });
archive.index({ completeness: 1, department: 1, dischargedAt: -1, _id: -1 });
archive.index({ completenessTemplate: 1, dischargedAt: 1 });
archive.index({ frontPage: 1, dischargedAt: -1, _id: -1 });
archive.index({ frontPage: 1, department: 1, dischargedAt: -1, _id: -1 });
archive.index({ marks: 1, dischargedAt: -1, _id: -1 });
archive.index(
  { motherPatientNo: 1, dischargedAt: -1 },
  { partialFilterExpression: { motherPatientNo: { $exists: true } } },
);

export interface VersionDocument {
  objectId: string;
  documentType: DocumentType;
  title: string;
  mediaType: string;
  bytes: number;
  sm3: string;
  /** Size on paper of each page, in millimetres. */
  pages: { widthMm: number; heightMm: number }[];
}

export interface ArchiveVersion {
  archiveId: string;
  version: number;
  reason?: string;
  batchIds: string[];
  documents: VersionDocument[];
  catalog: Catalog;
  /** SM2 with SM3 by the member's signing key over the catalogue's JCS, hex. */
  catalogSignature: string;
  package?: { objectId: string; bytes: number; pages: number; sm3: string; sha256: string };
  manifest?: AttestationManifest;
  salt?: string;
  state: AttestationState;
  attestation?: { txId: string; indexInTx: number; height: number; logIndex: number; at: Date };
  /** The receipt file's text. */
  receipt?: string;
  createdAt: Date;
}

/** 目录修订: a catalogue that people made of a version's pages; its package and receipt stay as they are. */
export interface CatalogEdit {
  archiveId: string;
  version: number;
  /** From 1; 0 is the version's own catalogue. */
  edit: number;
  catalog: Catalog;
  by: string;
  reason: string;
  at: Date;
  /** It brought back an earlier one: `version.edit`. */
  restores?: string;
  /** A job over many archives made it, at the word of `by`. */
  rebuildId?: string;
  /** What is signed and attested of it; names nobody. */
  manifest: CatalogManifest;
  salt: string;
  /** SM2 with SM3 by the member's signing key over the manifest's JCS, hex. */
  signature: string;
  attestation?: { txId: string; indexInTx: number; height: number; logIndex: number };
}

/** 更正: of what an archive was registered with; the values before it are kept here. */
export interface Correction extends Asked<CorrectionManifest> {
  /** From 1, in the order in which they were asked for. */
  correction: number;
  before: Registered;
  after: Registered;
}

const version = new Schema<ArchiveVersion>(
  {
    archiveId: { type: String, required: true },
    version: { type: Number, required: true },
    reason: String,
    batchIds: { type: [String], required: true },
    documents: { type: [Schema.Types.Mixed], required: true } as never,
    catalog: { type: Schema.Types.Mixed, required: true },
    catalogSignature: { type: String, required: true },
    package: Schema.Types.Mixed,
    manifest: Schema.Types.Mixed,
    salt: String,
    state,
    attestation: Schema.Types.Mixed,
    receipt: String,
    createdAt: { type: Date, required: true },
  },
  { strict: 'throw', versionKey: false, minimize: false },
);
version.index({ archiveId: 1, version: 1 }, { unique: true });
version.index({ state: 1 });
version.index({ 'package.objectId': 1 }, { sparse: true });

/** A template that was published; the product's own is version 1. */
export interface CatalogTemplateRow extends CatalogTemplate {
  by: string;
  reason: string;
  createdAt: Date;
}

const template = new Schema<CatalogTemplateRow>(
  {
    templateId: { type: String, required: true },
    version: { type: Number, required: true, unique: true },
    effectiveFrom: { type: String, required: true },
    branches: { type: [Schema.Types.Mixed], required: true } as never,
    acceptFrom: Number,
    frontPage: { type: String, enum: Object.keys(FRONT_PAGE_POLICIES) },
    by: { type: String, required: true },
    reason: { type: String, required: true },
    createdAt: { type: Date, required: true },
  },
  { strict: 'throw', versionKey: false },
);

const edit = new Schema<CatalogEdit>(
  {
    archiveId: { type: String, required: true },
    version: { type: Number, required: true },
    edit: { type: Number, required: true },
    catalog: { type: Schema.Types.Mixed, required: true },
    by: { type: String, required: true },
    reason: { type: String, required: true },
    at: { type: Date, required: true },
    restores: String,
    rebuildId: String,
    manifest: { type: Schema.Types.Mixed, required: true },
    salt: { type: String, required: true },
    signature: { type: String, required: true },
    attestation: Schema.Types.Mixed,
  },
  { strict: 'throw', versionKey: false, minimize: false },
);
edit.index({ archiveId: 1, version: 1, edit: 1 }, { unique: true });

const correction = new Schema<Correction>(
  {
    ...ASKED,
    correction: { type: Number, required: true },
    before: { type: Schema.Types.Mixed, required: true },
    after: { type: Schema.Types.Mixed, required: true },
  },
  { strict: 'throw', versionKey: false, minimize: false },
);
correction.index({ archiveId: 1, correction: 1 }, { unique: true });
// Of one archive one waits at a time; the list of what waits is in this order.
correction.index({ archiveId: 1 }, { unique: true, partialFilterExpression: { state: 'proposed' } });
correction.index({ state: 1, at: 1, _id: 1 });
// What a visit was called before.
correction.index(
  { 'before.patientNo': 1, 'before.visitNo': 1 },
  { partialFilterExpression: { 'before.patientNo': { $exists: true } } },
);

export const createArchiveModels = (connection: Connection) => ({
  Archive: connection.model('Archive', archive, 'archives'),
  ArchiveVersion: connection.model('ArchiveVersion', version, 'archiveVersions'),
  CatalogEdit: connection.model('CatalogEdit', edit, 'catalogEdits'),
  Correction: connection.model('Correction', correction, 'corrections'),
  CatalogTemplate: connection.model('CatalogTemplate', template, 'catalogTemplates'),
});

import { Schema } from 'mongoose';
import { CorrectionState } from '../../../domain/correction.ts';

/** What one person asks for of an archive, and another decides: 更正, 患者合并与拆分. */
export interface Asked<Manifest = unknown> {
  archiveId: string;
  state: CorrectionState;
  by: string;
  reason: string;
  at: Date;
  /** Who approved, refused or withdrew it; absent while it waits, and where nobody had to. */
  decidedBy?: string;
  decidedAt?: Date;
  refusal?: string;
  /** Of one in force: what is signed and attested of it; names nobody. */
  manifest?: Manifest;
  salt?: string;
  /** SM2 with SM3 by the member's signing key over the manifest's JCS, hex. */
  signature?: string;
  attestation?: { txId: string; indexInTx: number; height: number; logIndex: number };
}

/** The fields of `Asked` in a schema. */
export const ASKED = {
  archiveId: { type: String, required: true },
  state: { type: String, enum: Object.values(CorrectionState), required: true },
  by: { type: String, required: true },
  reason: { type: String, required: true },
  at: { type: Date, required: true },
  decidedBy: String,
  decidedAt: Date,
  refusal: String,
  manifest: Schema.Types.Mixed,
  salt: String,
  signature: String,
  attestation: Schema.Types.Mixed,
} as const;

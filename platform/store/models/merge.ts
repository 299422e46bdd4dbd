import { type Connection, Schema } from 'mongoose';
import type { MergeManifest } from '../../../domain/attestation.ts';
import { CorrectionState } from '../../../domain/correction.ts';
import { MergeKind, type MergedNumbers } from '../../../domain/merge.ts';

/** 患者合并、拆分: asked for by one, decided by another, as a correction is. */
export interface PatientMerge extends MergedNumbers {
  mergeId: string;
  /** Of the retired number: where the merge was asked for. */
  archiveId: string;
  kind: MergeKind;
  state: CorrectionState;
  /** Of a merge in force that no split has undone. */
  stands?: true;
  by: string;
  reason: string;
  at: Date;
  /** Who approved, refused or withdrew it; absent while it waits, and where nobody had to. */
  decidedBy?: string;
  decidedAt?: Date;
  refusal?: string;
  /** Of one in force: what is signed and attested of it; names nobody. */
  manifest?: MergeManifest;
  salt?: string;
  /** SM2 with SM3 by the member's signing key over the manifest's JCS, hex. */
  signature?: string;
  attestation?: { txId: string; indexInTx: number; height: number; logIndex: number };
}

const merge = new Schema<PatientMerge>(
  {
    mergeId: { type: String, required: true, unique: true },
    archiveId: { type: String, required: true },
    kind: { type: String, enum: Object.values(MergeKind), required: true },
    state: { type: String, enum: Object.values(CorrectionState), required: true },
    stands: Boolean as never,
    retired: { type: String, required: true },
    surviving: { type: String, required: true },
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
  },
  { strict: 'throw', versionKey: false },
);
// A number is merged once at a time, and of one number one entry waits.
merge.index({ retired: 1 }, { name: 'standing', unique: true, partialFilterExpression: { stands: true } });
merge.index({ retired: 1 }, { name: 'waiting', unique: true, partialFilterExpression: { state: 'proposed' } });
merge.index({ surviving: 1 }, { partialFilterExpression: { stands: true } });
merge.index({ retired: 1, at: -1 });
merge.index({ surviving: 1, at: -1 });
merge.index({ state: 1, at: 1, _id: 1 });

export const createMergeModels = (connection: Connection) => ({
  PatientMerge: connection.model('PatientMerge', merge, 'patientMerges'),
});

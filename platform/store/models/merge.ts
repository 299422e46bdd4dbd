import { type Connection, Schema } from 'mongoose';
import type { MergeManifest } from '../../../domain/attestation.ts';
import { MergeKind, type MergedNumbers } from '../../../domain/merge.ts';
import { ASKED, type Asked } from './asked.ts';

/** 患者合并、拆分: asked for by one, decided by another, as a correction is. `archiveId`: of the retired number, where it was asked for. */
export interface PatientMerge extends MergedNumbers, Asked<MergeManifest> {
  mergeId: string;
  kind: MergeKind;
  /** Of a merge in force that no split has undone. */
  stands?: true;
}

const merge = new Schema<PatientMerge>(
  {
    mergeId: { type: String, required: true, unique: true },
    ...ASKED,
    kind: { type: String, enum: Object.values(MergeKind), required: true },
    stands: Boolean as never,
    retired: { type: String, required: true },
    surviving: { type: String, required: true },
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

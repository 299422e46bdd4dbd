/** What a member attests of one version of an archive. It goes into the receipt, so it names nobody. */
export interface AttestationManifest {
  format: 'sealfolio-manifest/1';
  memberId: string;
  archiveId: string;
  version: number;
  /** RFC 3339, UTC. */
  sealedAt: string;
  package: { bytes: number; pages: number; sm3: string; sha256: string };
  /** Originals in catalogue order; digests of the bytes as they came in. */
  documents: { type: string; mediaType: string; bytes: number; pages: number; sm3: string }[];
  catalog: { templateId: string; templateVersion: number; sm3: string };
  /** SM3 of the DER of the certificate that sealed the package. */
  signerCertificateSm3: string;
}

/** What a member attests of one edit of a catalogue: that it is this one, after that one. It names nobody. */
export interface CatalogManifest {
  format: 'sealfolio-catalog/1';
  memberId: string;
  archiveId: string;
  version: number;
  edit: number;
  /** RFC 3339, UTC. */
  at: string;
  /** Hashes under the salt: of who made it (`ACTOR_TAG`), and why (`REASON_TAG`). */
  actor: string;
  reason: string;
  /** SM3 of the JCS of the catalogue, and of the one before it. */
  catalog: { templateId: string; templateVersion: number; sm3: string };
  previousSm3: string;
}

/** What a member attests of one correction: that what an archive is registered with became this, after that. It names nobody. */
export interface CorrectionManifest {
  format: 'sealfolio-correction/1';
  memberId: string;
  archiveId: string;
  correction: number;
  /** Since when it is in force; RFC 3339, UTC. */
  at: string;
  /** Hashes under the salt: of who asked for it and who approved it (`ACTOR_TAG`), why (`REASON_TAG`), and of the JCS of what was registered before and after (`REGISTERED_TAG`). */
  actor: string;
  approver?: string;
  reason: string;
  before: string;
  after: string;
}

/** What a member attests of one merge or split of patients. It names nobody. */
export interface MergeManifest {
  format: 'sealfolio-merge/1';
  memberId: string;
  mergeId: string;
  kind: 'merge' | 'split';
  /** Since when it is in force; RFC 3339, UTC. */
  at: string;
  /** Hashes under the salt: of who asked for it and who approved it (`ACTOR_TAG`), why (`REASON_TAG`), and of both numbers (`PATIENT_TAG`). */
  actor: string;
  approver?: string;
  reason: string;
  retired: string;
  surviving: string;
}

/** Domain tags (ASCII, then one zero byte) that keep digests of different things apart. */
export const KEY_TAG = 'sealfolio/key/1';
export const ATTEST_TAG = 'sealfolio/attest/1';
export const ARCHIVE_STREAM = 'archive';
export const LOAN_STREAM = 'loan';
export const CATALOG_STREAM = 'catalog';
export const CORRECTION_STREAM = 'correction';
export const MERGE_STREAM = 'merge';
/** Hash of a person's name under the salt of what is attested. */
export const ACTOR_TAG = 'sealfolio/actor/1';
export const REASON_TAG = 'sealfolio/reason/1';
export const REGISTERED_TAG = 'sealfolio/registered/1';
export const PATIENT_TAG = 'sealfolio/patient/1';
export const SALT_BYTES = 32;
export const RECEIPT_FORMAT = 'sealfolio-receipt/1';

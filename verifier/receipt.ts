import { canonicalJson } from './jcs.ts';
import { hex, integer, list, literal, object, oneOf, ShapeError, text } from './shape.ts';

export const RECEIPT_FORMAT = 'sealfolio-receipt/1';
const MAX_RECEIPT_CHARACTERS = 4 * 1024 * 1024;
export const MAX_MEMBERS = 1000;
const MAX_HANDOVERS = 10_000;
export const NAME = /^[A-Za-z0-9._-]{1,64}$/;
export const DIGEST = hex(32);

/** Whoever signs heights of the chain; `validator` votes, `observer` does not. */
export const member = object({
  memberId: text(NAME),
  name: text(/^[^\p{Cc}]{1,128}$/u),
  publicKey: hex(65),
  role: oneOf('validator', 'observer'),
});

export const header = object({
  version: literal(2),
  chainId: text(NAME),
  height: integer(1),
  timeMs: integer(0),
  previous: DIGEST,
  txRoot: DIGEST,
  logSize: integer(0),
  logRoot: DIGEST,
  membersHash: DIGEST,
  nextMembersHash: DIGEST,
  stateHash: DIGEST,
  proposer: text(NAME),
});

export const commit = object({
  round: integer(0, 0xffffffff),
  signatures: list(object({ memberId: text(NAME), signature: hex(64) }), MAX_MEMBERS),
});

/** Blocks whose signatures handed the chain over from one set of members to the next, oldest first. */
export const handovers = list(object({ header, commit, members: list(member, MAX_MEMBERS) }), MAX_HANDOVERS);

/** The ledger's part of a receipt: what a node gives for a record. */
const ledger = object({
  chainId: text(NAME),
  genesisHash: DIGEST,
  index: integer(0),
  entry: object({
    txId: DIGEST,
    indexInTx: integer(0, 0xffffffff),
    sender: text(NAME),
    nonce: hex(16),
    record: object({ stream: text(/^[a-z0-9.-]{1,64}$/), key: hex(1, 64), digest: DIGEST, note: hex(0, 256) }),
  }),
  path: list(DIGEST, 64),
  header,
  commit,
  members: list(member, MAX_MEMBERS),
  handovers,
});

const receipt = object({
  format: literal(RECEIPT_FORMAT),
  salt: DIGEST,
  manifest: object({
    format: literal('sealfolio-manifest/1'),
    memberId: text(NAME),
    archiveId: text(NAME),
    version: integer(1),
    sealedAt: text(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{3})?Z$/),
    package: object({ bytes: integer(1), pages: integer(1), sm3: DIGEST, sha256: DIGEST }),
    documents: list(
      object({
        type: text(NAME),
        mediaType: text(/^[a-z0-9.+-]+\/[a-z0-9.+-]+$/, 100),
        bytes: integer(1),
        pages: integer(1),
        sm3: DIGEST,
      }),
      10_000,
    ),
    catalog: object({ templateId: text(NAME), templateVersion: integer(1), sm3: DIGEST }),
    signerCertificateSm3: DIGEST,
  }),
  ledger,
});

export type Receipt = ReturnType<typeof receipt>;
export type LedgerReceipt = Receipt['ledger'];
export type Manifest = Receipt['manifest'];
/** A header, the signatures under it, and the members who may sign it. */
export type SignedHeader = Pick<LedgerReceipt, 'header' | 'commit' | 'members'>;
export type ReceiptMember = LedgerReceipt['members'][number];

/**
 * Reads a receipt file. It must be the one canonical text (RFC 8785) of its content, so that no bit of it is free:
 * a changed blank, a second key of one name or an unknown field is refused with a ShapeError.
 */
export function parseReceipt(content: string): Receipt {
  if (content.length > MAX_RECEIPT_CHARACTERS) throw new ShapeError('', `at most ${MAX_RECEIPT_CHARACTERS} characters`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(content);
  } catch {
    throw new ShapeError('', 'JSON');
  }
  const checked = receipt(parsed, '');
  if (canonicalJson(parsed) !== content) throw new ShapeError('', 'canonical JSON (RFC 8785)');
  return checked;
}

/** Reads what a node gives for one record. Throws a ShapeError. */
export const parseLedgerReceipt = (value: unknown): LedgerReceipt => ledger(value, '');

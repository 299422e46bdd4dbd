import type { Certificate, Header } from '../codec/block.ts';
import { blockHash } from '../codec/block.ts';
import type { Member } from '../codec/member.ts';
import { decodeLogEntry, HASH_BYTES } from '../codec/record.ts';

/** How rpc and receipts show the ledger's values: bytes in lower-case hex. */
export const signatureJson = ({ memberId, signature }: { memberId: string; signature: Buffer }) => ({
  memberId,
  signature: signature.toString('hex'),
});

export const memberJson = ({ memberId, name, publicKey, role }: Member) => ({
  memberId,
  name,
  publicKey: publicKey.toString('hex'),
  role,
});

export const headerJson = (header: Header) => ({
  version: 2,
  ...Object.fromEntries(
    Object.entries(header).map(([field, value]) => [
      field,
      typeof value === 'object' ? (value as Buffer).toString('hex') : value,
    ]),
  ),
});

export const certificateJson = ({ header, commit }: Certificate) => ({
  header: headerJson(header),
  commit: { round: commit.round, signatures: commit.signatures.map(signatureJson) },
});

export const hashJson = (header: Header): string => blockHash(header).toString('hex');

export function entryJson(encoded: Buffer) {
  const { txId, indexInTx, sender, nonce, record } = decodeLogEntry(encoded);
  const { stream, key, digest, note } = record;
  return {
    txId: txId.toString('hex'),
    indexInTx,
    sender,
    nonce: nonce.toString('hex'),
    record: { stream, key: key.toString('hex'), digest: digest.toString('hex'), note: note.toString('hex') },
  };
}

/** Whether these are the 64 hex digits of a hash. */
export const isHashHex = (text: string): boolean => text.length === 2 * HASH_BYTES && /^[0-9a-f]+$/.test(text);

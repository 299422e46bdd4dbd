import { concat, fromHex, sized, str, tag, uint } from './bytes.ts';
import type { LedgerReceipt, ReceiptMember } from './receipt.ts';

export type Digest = (bytes: Uint8Array) => Uint8Array;

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);
const PRECOMMIT = 2;
const ROLE_NUMBER = { validator: 1, observer: 2 } as const;

/** Leaf of the log: SM3(0x00 ‖ LogEntry) (docs/ledger-protocol.md; RFC 6962 §2.1 shape). */
export function leafHash(entry: LedgerReceipt['entry'], sm3: Digest): Uint8Array {
  const { stream, key, digest, note } = entry.record;
  return sm3(
    concat(
      LEAF,
      fromHex(entry.txId),
      uint(entry.indexInTx, 4),
      str(entry.sender),
      str(stream),
      sized(fromHex(key)),
      fromHex(digest),
      sized(fromHex(note)),
    ),
  );
}

/**
 * The root that an inclusion path leads to (RFC 9162 §2.1.3.2), or null if the path's length does not fit the leaf's
 * index and the log's size.
 */
export function rootFromPath(
  leaf: Uint8Array,
  index: number,
  size: number,
  path: readonly Uint8Array[],
  sm3: Digest,
): Uint8Array | null {
  if (index >= size) return null;
  let node = index;
  let last = size - 1;
  let root = leaf;
  for (const sibling of path) {
    if (last === 0) return null;
    if (node % 2 === 1 || node === last) {
      root = sm3(concat(NODE, sibling, root));
      while (node % 2 === 0 && node !== 0) {
        node = Math.floor(node / 2);
        last = Math.floor(last / 2);
      }
    } else {
      root = sm3(concat(NODE, root, sibling));
    }
    node = Math.floor(node / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 ? root : null;
}

/** Hash of a set of members, sorted by id; null if it is not sorted or names one twice. */
export function membersHash(members: readonly ReceiptMember[], sm3: Digest): Uint8Array | null {
  for (let i = 1; i < members.length; i++) if (members[i - 1]!.memberId >= members[i]!.memberId) return null;
  return sm3(
    concat(
      tag('sealfolio/members/1'),
      uint(members.length, 4),
      ...members.flatMap((member) => [
        str(member.memberId),
        str(member.name),
        fromHex(member.publicKey),
        uint(ROLE_NUMBER[member.role], 1),
      ]),
    ),
  );
}

export function blockHash(header: LedgerReceipt['header'], sm3: Digest): Uint8Array {
  return sm3(
    concat(
      tag('sealfolio/header/1'),
      uint(header.version, 1),
      str(header.chainId),
      uint(header.height, 8),
      uint(header.timeMs, 8),
      fromHex(header.previous),
      fromHex(header.txRoot),
      uint(header.logSize, 8),
      fromHex(header.logRoot),
      fromHex(header.membersHash),
      str(header.proposer),
    ),
  );
}

/** What a validator signs to make a block final. */
export function precommitMessage(
  chainId: string,
  height: number,
  round: number,
  block: Uint8Array,
  voter: string,
): Uint8Array {
  return concat(
    tag('sealfolio/vote/1'),
    str(chainId),
    uint(PRECOMMIT, 1),
    uint(height, 8),
    uint(round, 4),
    block,
    str(voter),
  );
}

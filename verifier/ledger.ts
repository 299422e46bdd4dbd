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
      fromHex(entry.nonce),
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
  return sm3(concat(tag('sealfolio/members/1'), memberList(members)));
}

export const encodeMember = ({ memberId, name, publicKey, role }: ReceiptMember): Uint8Array =>
  concat(str(memberId), str(name), fromHex(publicKey), uint(ROLE_NUMBER[role], 1));

const memberList = (members: readonly ReceiptMember[]): Uint8Array =>
  concat(uint(members.length, 4), ...members.map(encodeMember));

/** The first thing all members agreed on. */
export interface GenesisDocument {
  chainId: string;
  timeMs: number;
  members: ReceiptMember[];
  /** Canonical JSON text. */
  policy: string;
}

/** `previous` of block 1; null if the members are not in order. */
export function genesisHash({ chainId, timeMs, members, policy }: GenesisDocument, sm3: Digest): Uint8Array | null {
  if (membersHash(members, sm3) === null) return null;
  return sm3(concat(tag('sealfolio/genesis/2'), str(chainId), uint(timeMs, 8), memberList(members), str(policy)));
}

/** Merkle root (RFC 6962 §2.1) over leaf hashes; of none, the hash of nothing. */
export function merkleRoot(leaves: readonly Uint8Array[], sm3: Digest): Uint8Array {
  if (leaves.length === 0) return sm3(new Uint8Array());
  let level = [...leaves];
  while (level.length > 1) {
    const next: Uint8Array[] = [];
    // A last one without a partner moves up as it is: the same tree as RFC 6962's split at the largest power of two.
    for (let i = 0; i < level.length; i += 2)
      next.push(i + 1 < level.length ? sm3(concat(NODE, level[i]!, level[i + 1]!)) : level[i]!);
    level = next;
  }
  return level[0]!;
}

export function blockHash(header: LedgerReceipt['header'], sm3: Digest): Uint8Array {
  return sm3(
    concat(
      tag('sealfolio/header/2'),
      uint(header.version, 1),
      str(header.chainId),
      uint(header.height, 8),
      uint(header.timeMs, 8),
      fromHex(header.previous),
      fromHex(header.txRoot),
      uint(header.logSize, 8),
      fromHex(header.logRoot),
      fromHex(header.membersHash),
      fromHex(header.nextMembersHash),
      fromHex(header.stateHash),
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

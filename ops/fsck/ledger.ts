import type { Genesis } from '../../chain-node/genesis.ts';
import { sm2, sm3 } from '../../platform/crypto/index.ts';
import { fromHex, toHex } from '../../verifier/bytes.ts';
import { blockHash, leafHash, membersHash, precommitMessage } from '../../verifier/ledger.ts';
import type { LedgerReceipt, ReceiptMember } from '../../verifier/receipt.ts';
import type { Finding } from './finding.ts';
import { GovernanceFollower } from './governance.ts';
import { readTransaction } from './transaction.ts';

/** What a node's rpc gives of a block. */
export interface BlockAnswer {
  hash: string;
  header: LedgerReceipt['header'];
  txs: string[];
  commit: LedgerReceipt['commit'];
}

/** A key of a member, and the height from which on it holds. */
export interface MemberKey {
  memberId: string;
  publicKey: string;
  from: number;
}

export interface LedgerRecordSeen {
  height: number;
  sender: string;
  stream: string;
  key: string;
  digest: string;
  /** Hex. */
  note: string;
}

interface NodeStatus {
  memberId: string;
  height: number;
  base: { height: number; logSize: number };
}

/** Where a chain is read from. */
export interface ChainSource {
  status(): Promise<NodeStatus>;
  membersAt(height: number): Promise<ReceiptMember[]>;
  /** Blocks from a height on: as many as come at once, at least one. */
  blocksFrom(height: number): Promise<BlockAnswer[]>;
}

const PAGE = 100;
/** How much a block may hold, by version of the rules: those by which this program can check blocks. */
export type KnownRules = ReadonlyMap<number, { maxBlockTxs: number; maxBlockBytes: number }>;
const KNOWN_RULES: KnownRules = new Map([[1, { maxBlockTxs: 4096, maxBlockBytes: 4 * 1024 * 1024 }]]);

/** What a node's rpc answers, also behind a path (an overlay's gateway). Throws if it cannot be reached, or refuses. */
export async function get<T>(rpcUrl: string, path: string): Promise<T> {
  const url = rpcUrl.replace(/\/+$/, '') + path;
  // A connection that was idle while a page was checked may have been closed at the other end (RFC 9112 §9.5).
  const response = await fetch(url).catch(() => fetch(url));
  if (!response.ok) throw new Error(`${rpcUrl}${path}: ${response.status}`);
  return (await response.json()) as T;
}

/** A running node, by its rpc. */
export const nodeAt = (rpcUrl: string): ChainSource => ({
  status: () => get(rpcUrl, '/v1/status'),
  membersAt: (height) => get(rpcUrl, `/v1/members?height=${height}`),
  blocksFrom: (height) => get(rpcUrl, `/v1/blocks?from=${height}&limit=${PAGE}&full=1`),
});

/** Appends leaves and gives roots: the frontier of complete subtrees, as RFC 6962 §2.1 splits them. */
class Frontier {
  readonly #nodes: (Uint8Array | null)[] = [];
  size = 0;

  append(leaf: Uint8Array): void {
    let node = leaf;
    let level = 0;
    for (; this.#nodes[level] != null; level += 1) {
      node = sm3(Uint8Array.of(1), this.#nodes[level]!, node);
      this.#nodes[level] = null;
    }
    this.#nodes[level] = node;
    this.size += 1;
  }

  root(): string {
    const present = this.#nodes.filter((node) => node != null);
    if (present.length === 0) return toHex(sm3(Buffer.alloc(0)));
    return toHex(present.reduce((right, left) => sm3(Uint8Array.of(1), left, right)));
  }
}

/** What a chain begins with, as its genesis document says. */
export interface ChainStart {
  genesisHash: string;
  members: readonly ReceiptMember[];
  policy: Buffer;
}

/** That of a genesis, as the node reads it. */
export const chainStart = ({ hash, members, policy }: Genesis): ChainStart => ({
  genesisHash: hash.toString('hex'),
  members: members.map((member) => ({ ...member, publicKey: member.publicKey.toString('hex') })),
  policy,
});

/** What was found of one node's chain. */
export interface CheckedChain {
  memberId: string;
  /** The height after which it was checked: that of the snapshot that the node began with, 0 if it has all. */
  base: number;
  findings: Finding[];
  /** By height, from 1 on at index 0; those that the node does not have are holes. */
  hashes: string[];
  records: LedgerRecordSeen[];
  /** Those of before a rotation too. */
  keys: MemberKey[];
}

/**
 * Follows one node's chain from genesis to its head: links, roots, what the members decided, signatures. Of a node that
 * began with a snapshot what it has is checked, by the members that it names for its first block; that they are the
 * right ones, and the roots over what lies before, is known once its hashes are those of a node that has all. Throws if
 * it comes to rules that it does not know: of what lies after it cannot tell.
 */
export async function checkChain(
  source: ChainSource,
  { genesisHash, members, policy }: ChainStart,
  knownRules = KNOWN_RULES,
): Promise<CheckedChain> {
  const findings: Finding[] = [];
  const { memberId, height, base } = await source.status();
  const isWhole = base.height === 0;
  let signers: readonly ReceiptMember[] = isWhole ? members : await source.membersAt(base.height + 1);
  const governance = new GovernanceFollower(members, policy);
  const frontier = new Frontier();
  const records: LedgerRecordSeen[] = [];
  const hashes: string[] = [];
  const keys: MemberKey[] = [];
  const learnKeys = (from: number) => {
    for (const { memberId: owner, publicKey } of signers)
      if (!keys.some((known) => known.memberId === owner && known.publicKey === publicKey))
        keys.push({ memberId: owner, publicKey, from });
  };
  learnKeys(base.height + 1);
  let previous = isWhole ? genesisHash : null;
  let { logSize } = base;
  for (let next = base.height + 1; next <= height;) {
    // A page may hold fewer than it was asked for.
    const blocks = await source.blocksFrom(next);
    if (blocks.length === 0) throw new Error(`${memberId}: no block ${next}`);
    for (const block of blocks) {
      const { header } = block;
      const rules = knownRules.get(governance.rules);
      if (rules === undefined)
        throw new Error(`${memberId}: from height ${next} on rules ${governance.rules} hold, which are not known here`);
      const find = (reason: string) => findings.push({ where: `ledger ${memberId} height ${header.height}`, reason });
      const txHashes = new Frontier();
      let txBytes = 0;
      if (header.height !== next) find('height');
      if (previous !== null && header.previous !== previous) find('does not follow the block before');
      if (header.membersHash !== toHex(membersHash(signers, sm3)!)) find('signed by other members');
      for (const encoded of block.txs) {
        const bytes = Buffer.from(encoded, 'base64');
        const tx = readTransaction(bytes);
        const key = signers.find((member) => member.memberId === tx.sender)?.publicKey;
        if (key === undefined || !sm2.verify(fromHex(key), tx.message, tx.signature))
          find('a transaction not signed by its sender');
        txHashes.append(sm3(Uint8Array.of(0), bytes));
        txBytes += bytes.length;
        governance.apply(tx, header.height);
        for (const entry of tx.entries) {
          frontier.append(leafHash(entry, sm3));
          logSize += 1;
          const { stream, key: recordKey, digest, note } = entry.record;
          records.push({ height: header.height, sender: entry.sender, stream, key: recordKey, digest, note });
        }
      }
      if (block.txs.length > rules.maxBlockTxs || txBytes > rules.maxBlockBytes) find('more than a block may hold');
      governance.endBlock(header.height);
      if (!isSigned(block, signers)) find('fewer than a quorum signed');
      if (isWhole) signers = governance.members;
      else if (header.nextMembersHash !== header.membersHash) signers = await source.membersAt(header.height + 1);
      if (header.nextMembersHash !== header.membersHash) learnKeys(header.height + 1);
      if (txHashes.root() !== header.txRoot) find('root of the transactions');
      if (logSize !== header.logSize || (isWhole && frontier.root() !== header.logRoot)) find('log root');
      if (header.nextMembersHash !== toHex(membersHash(signers, sm3)!)) find('members of the next height');
      if (isWhole && header.stateHash !== governance.stateHash()) find('hash of the state');
      previous = toHex(blockHash(header, sm3));
      hashes[next - 1] = previous;
      next += 1;
    }
  }
  return { memberId, base: base.height, findings, hashes, records, keys };
}

/** Where chains differ from the first that has all blocks, which says what lies before the others' snapshots. */
export function compareChains(chains: readonly CheckedChain[]): Finding[] {
  const whole = chains.filter(({ base }) => base === 0);
  const longest = whole.reduce<string[]>((most, { hashes }) => (hashes.length > most.length ? hashes : most), []);
  return chains.flatMap(({ memberId, base, hashes }) => {
    if (base > 0 && whole.length === 0)
      return [{ where: `ledger ${memberId}`, reason: `begins after height ${base}, and no node has what lies before` }];
    const fork = hashes.findIndex((hash, i) => hash !== undefined && longest[i] !== undefined && longest[i] !== hash);
    if (fork < 0) return [];
    return [{ where: `ledger ${memberId} height ${fork + 1}`, reason: 'another block than that of other members' }];
  });
}

/** Whether more than two thirds of the validators signed it. */
function isSigned({ header, commit }: BlockAnswer, members: readonly ReceiptMember[]): boolean {
  const hash = blockHash(header, sm3);
  const validators = members.filter(({ role }) => role === 'validator');
  const good = validators.filter(({ memberId, publicKey }) => {
    const signature = commit.signatures.find((one) => one.memberId === memberId)?.signature;
    const message = precommitMessage(header.chainId, header.height, commit.round, hash, memberId);
    return signature !== undefined && sm2.verify(fromHex(publicKey), message, fromHex(signature));
  });
  return 3 * good.length > 2 * validators.length;
}

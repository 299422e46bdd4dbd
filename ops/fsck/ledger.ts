import { sm2, sm3 } from '../../platform/crypto/index.ts';
import { fromHex, toHex } from '../../verifier/bytes.ts';
import { blockHash, leafHash, membersHash, precommitMessage } from '../../verifier/ledger.ts';
import type { LedgerReceipt, ReceiptMember } from '../../verifier/receipt.ts';
import type { Finding } from './finding.ts';

/** What a node's rpc gives of a block. */
interface BlockAnswer {
  hash: string;
  header: LedgerReceipt['header'];
  txs: string[];
  commit: LedgerReceipt['commit'];
}

export interface LedgerRecordSeen {
  sender: string;
  stream: string;
  key: string;
  digest: string;
}

const PAGE = 100;
const VALIDATOR = 'validator';
const TX_TAG = Buffer.from('sealfolio/tx/1\0');

async function get<T>(rpcUrl: string, path: string): Promise<T> {
  const response = await fetch(new URL(path, rpcUrl));
  if (!response.ok) throw new Error(`${rpcUrl}${path}: ${response.status}`);
  return (await response.json()) as T;
}

/** Reads a transaction from its bytes (docs/ledger-protocol.md), by code of its own. */
function readTransaction(bytes: Buffer): LedgerReceipt['entry'][] {
  let at = 0;
  const take = (length: number) => {
    const part = bytes.subarray(at, at + length);
    if (part.length !== length) throw new RangeError('transaction cut short');
    at += length;
    return part;
  };
  const u32 = () => take(4).readUInt32BE();
  const sized = () => take(u32());
  const [version] = take(1);
  sized(); // chain id: the header's is checked
  const sender = sized().toString('utf8');
  take(16);
  const [type] = take(1);
  if (version !== 1 || type !== 1) throw new RangeError('kind of transaction');
  const bodyEnd = u32() + at;
  const count = u32();
  const unsigned = bytes.subarray(0, bodyEnd);
  const txId = toHex(sm3(TX_TAG, unsigned));
  const entries = Array.from({ length: count }, (_, indexInTx) => {
    const [stream, key, digest, note] = [sized().toString('utf8'), toHex(sized()), toHex(take(32)), toHex(sized())];
    return { txId, indexInTx, sender, record: { stream, key, digest, note } };
  });
  if (at !== bodyEnd || bytes.length !== bodyEnd + 64) throw new RangeError('length of the transaction');
  return entries;
}

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

/** Follows one node's chain from genesis to its head: links, record roots, signatures. Gives its head's hash by height and all records. */
export async function checkChain(
  rpcUrl: string,
  genesisHash: string,
): Promise<{ findings: Finding[]; hashes: string[]; records: LedgerRecordSeen[] }> {
  const findings: Finding[] = [];
  const { memberId, height } = await get<{ memberId: string; height: number }>(rpcUrl, '/v1/status');
  const members = await get<ReceiptMember[]>(rpcUrl, '/v1/members');
  const expectedMembers = toHex(membersHash(members, sm3)!);
  const validators = new Map(
    members.filter(({ role }) => role === VALIDATOR).map((member) => [member.memberId, member]),
  );
  const frontier = new Frontier();
  const records: LedgerRecordSeen[] = [];
  const hashes: string[] = [];
  let previous = genesisHash;
  const find = (at: number, reason: string) => findings.push({ where: `ledger ${memberId} height ${at}`, reason });
  for (let from = 1; from <= height; from += PAGE) {
    const blocks = await get<BlockAnswer[]>(rpcUrl, `/v1/blocks?from=${from}&limit=${PAGE}`);
    for (const { header, txs, commit } of blocks) {
      const hash = blockHash(header, sm3);
      if (header.previous !== previous) find(header.height, 'does not follow the block before');
      if (header.membersHash !== expectedMembers) find(header.height, 'signed by other members');
      for (const tx of txs)
        for (const entry of readTransaction(Buffer.from(tx, 'base64'))) {
          frontier.append(leafHash(entry, sm3));
          const { stream, key, digest } = entry.record;
          records.push({ sender: entry.sender, stream, key, digest });
        }
      if (frontier.size !== header.logSize || frontier.root() !== header.logRoot) find(header.height, 'log root');
      const good = commit.signatures.filter(({ memberId: signer, signature }) => {
        const member = validators.get(signer);
        const message = precommitMessage(header.chainId, header.height, commit.round, hash, signer);
        return member !== undefined && sm2.verify(fromHex(member.publicKey), message, fromHex(signature));
      });
      if (3 * new Set(good.map((one) => one.memberId)).size <= 2 * validators.size)
        find(header.height, 'fewer than a quorum signed');
      previous = toHex(hash);
      hashes.push(previous);
    }
  }
  return { findings, hashes, records };
}

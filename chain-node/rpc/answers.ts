import { blockHash, type Certificate } from '../codec/block.ts';
import { changeIdOf, decodeChange } from '../codec/change.ts';
import { decodeEquivocation } from '../codec/evidence.ts';
import { decodeTransaction, type Transaction, TX_TYPE_NAMES, TxType } from '../codec/transaction.ts';
import { quorumSize } from '../consensus/core.ts';
import { LedgerError } from '../errors.ts';
import { recordsOf } from '../mempool/examine.ts';
import type { LedgerNode } from '../node.ts';
import { approvalsNeeded, type OpenChange } from '../state/governance.ts';
import { certificateJson, entryJson, memberJson, signatureJson } from '../state/json.ts';
import type { FoundRecord } from '../state/reader.ts';
import type { SignedCheckpoint } from '../sync/checkpoints.ts';

/** How many of the validators this node hears, itself included, and how many it takes. */
export function quorumOf({ ledger, links, options }: LedgerNode) {
  const { validators } = ledger;
  const isHeard = (memberId: string) => memberId === options.memberId || links.isConnected(memberId);
  const needed = quorumSize(validators.length);
  return {
    validators: validators.length,
    /** f: so many may fail, or be false, and blocks are still decided, and rightly. */
    mayFail: validators.length - needed,
    /** Fewer decide nothing: what is written waits. */
    needed,
    linked: validators.filter(isHeard).length,
  };
}

/** How far this node is, and whether it can say so: what it does not have may only be late. */
export function standing(node: LedgerNode) {
  const { linked, needed } = quorumOf(node);
  return {
    height: node.ledger.height,
    /** Its own height, or what f + 1 linked validators claim to have. */
    highest: node.highest,
    syncing: node.isSyncing,
    /** Whether it hears validators that could decide a block. */
    linked: linked >= needed,
  };
}

/** The state of a transaction now. Throws not-found. */
async function stateOf(node: LedgerNode, id: string) {
  const final = async () => {
    const place = await node.ledger.store.place(id);
    return place === null ? null : { txId: id, state: 'final' as const, ...place };
  };
  const before = await final();
  if (before !== null) return before;
  if (node.mempool.get(id) !== undefined) return { txId: id, state: 'pending' as const };
  const error = node.failed.get(id);
  if (error !== undefined) return { txId: id, state: 'failed' as const, code: error.code, reason: error.reason };
  // It may have left the mempool for the store between the two looks.
  const since = await final();
  if (since !== null) return since;
  if (node.ledger.base.height > 0) throw new LedgerError('pruned', `not after block ${node.ledger.base.height}`);
  throw new LedgerError('not-found', 'no such transaction');
}

/** The state of a transaction, once it is final or `waitMs` have passed. Throws not-found if there is no such one then. */
export async function transactionJson(node: LedgerNode, id: string, waitMs: number) {
  if (waitMs > 0 && !node.failed.has(id) && (await node.ledger.store.place(id)) === null) {
    let finish = () => {};
    const passed = new Promise<void>((done) => {
      finish = done;
    });
    const onBlock = (_header: unknown, txIds: string[]) => {
      if (txIds.includes(id) || node.failed.has(id)) finish();
    };
    const timer = setTimeout(finish, waitMs);
    node.on('block', onBlock);
    // It may have become final between the look above and now.
    if ((await node.ledger.store.place(id)) === null) await passed;
    node.off('block', onBlock);
    clearTimeout(timer);
  }
  return stateOf(node, id);
}

function changeJson(txType: number, body: Buffer) {
  const change = decodeChange(txType, body);
  const { type, height } = change;
  switch (change.type) {
    case 'set':
      return { type, height, member: memberJson(change.member), request: change.request.toString('base64') };
    case 'remove':
      return { type, height, memberId: change.memberId, publicKey: change.publicKey.toString('hex') };
    case 'policy':
      return { type, height, document: change.document.toString('utf8') };
    case 'rules':
      return { type, height, version: change.version };
  }
}

function contentJson({ type, body }: Transaction) {
  if (type === TxType.attest) return {};
  if (type === TxType.evidence) {
    const { accused, signed } = decodeEquivocation(body);
    const hex = signed.map((one) => ({
      message: one.message.toString('hex'),
      signature: one.signature.toString('hex'),
    }));
    return { evidence: { accused, signed: hex } };
  }
  return { change: { id: changeIdOf(type, body).toString('hex'), ...changeJson(type, body) } };
}

/** A final transaction with all that is in it. Throws not-found. */
export async function transactionContentJson(node: LedgerNode, id: string) {
  const place = await node.ledger.store.place(id);
  if (place === null) throw new LedgerError('not-found', 'no such transaction is final');
  const { txs, header } = await node.reader.block(place.height);
  const encoded = txs[place.indexInBlock]!;
  const tx = decodeTransaction(encoded);
  const records = recordsOf(tx, Buffer.from(id, 'hex')).map(({ stream, key, digest, note }) => ({
    stream,
    key: key.toString('hex'),
    digest: digest.toString('hex'),
    note: note.toString('hex'),
  }));
  return {
    txId: id,
    ...place,
    timeMs: header.timeMs,
    sender: tx.sender,
    nonce: tx.nonce.toString('hex'),
    type: TX_TYPE_NAMES[tx.type],
    signature: tx.signature.toString('hex'),
    records,
    ...contentJson(tx),
    tx: encoded.toString('base64'),
  };
}

const headOf = (certificate: Certificate, txCount: number) => ({
  hash: blockHash(certificate.header).toString('hex'),
  ...certificateJson(certificate),
  txCount,
});

/** A block with its transactions. Throws not-found, pruned. */
export async function blockJson(node: LedgerNode, height: number) {
  const { header, commit, txs } = await node.reader.block(height);
  return { ...headOf({ header, commit }, txs.length), txs: txs.map((tx) => tx.toString('base64')) };
}
type BlockJson = ReturnType<typeof headOf> & { txs?: string[] };

/** Transactions in one page of blocks, in characters of base64: it ends with the block that reaches this. */
const MAX_PAGE_CHARS = 4 * 1024 * 1024;

/**
 * One page of blocks, with their transactions or only how many each has; `next` is the height to go on from, null at the
 * end. Throws not-found, pruned.
 */
export async function listBlocks(node: LedgerNode, from: number, limit: number, isFull: boolean) {
  const { ledger, reader } = node;
  const blocks: BlockJson[] = [];
  let [height, chars] = [from, 0];
  for (; height <= ledger.height && blocks.length < limit && chars < MAX_PAGE_CHARS; height += 1) {
    if (isFull) {
      const block = await blockJson(node, height);
      chars += block.txs.reduce((sum, { length }) => sum + length, 0);
      blocks.push(block);
    } else blocks.push(headOf(await reader.certificate(height), await reader.txCount(height)));
  }
  return { blocks, next: height <= ledger.height ? height : null };
}

export const recordJson = ({ index, height, encoded }: FoundRecord) => ({ index, height, ...entryJson(encoded) });

/** Records as rows of a list: with the time of their blocks. */
export async function recordRows(node: LedgerNode, found: readonly FoundRecord[]) {
  const times = new Map<number, number>();
  for (const { height } of found)
    if (!times.has(height)) times.set(height, (await node.ledger.store.certificate(height)).header.timeMs);
  return found.map((record) => ({ ...recordJson(record), timeMs: times.get(record.height)! }));
}

/** The chain's first members, time and policy: whoever has the genesis hash from elsewhere checks them against it. */
export function genesisJson({ ledger }: LedgerNode) {
  const { chainId, timeMs, members, policy, hash } = ledger.genesis;
  return {
    chainId,
    timeMs,
    members: members.map(memberJson),
    policy: policy.toString('utf8'),
    hash: hash.toString('hex'),
  };
}

function openChangeJson(node: LedgerNode, { id, txType, body, openedAt, approvals, effectiveAt }: OpenChange) {
  const needed = approvalsNeeded(decodeChange(txType, body), node.ledger.members);
  const change = { id: id.toString('hex'), ...changeJson(txType, body), body: body.toString('base64') };
  return { ...change, openedAt, approvals, needed, effectiveAt };
}

/** By member: the height from which its present key is in force. */
async function sinceHeights({ ledger }: LedgerNode): Promise<Map<string, number>> {
  const since = new Map<string, number>();
  for (const handover of [...ledger.handovers].reverse()) {
    const before = await ledger.membersAt(handover);
    for (const { memberId, publicKey } of ledger.members)
      if (!since.has(memberId) && !before.some((one) => one.memberId === memberId && one.publicKey.equals(publicKey)))
        since.set(memberId, handover + 1);
    if (since.size === ledger.members.length) break;
  }
  return since;
}

/** What the members decided, and what is put to them. */
export async function governanceJson(node: LedgerNode) {
  const { members, policy, open, former, faults, rules } = node.ledger.governance;
  const since = await sinceHeights(node);
  return {
    height: node.ledger.height,
    stateHash: node.ledger.stateHash.toString('hex'),
    members: members.map((member) => ({ ...memberJson(member), since: since.get(member.memberId) ?? 1 })),
    policy: { version: policy.version, document: policy.document.toString('utf8') },
    open: open.map((change) => openChangeJson(node, change)),
    former: former.map(({ memberId, publicKey }) => ({ memberId, publicKey: publicKey.toString('hex') })),
    faults,
    rules,
  };
}

/** By which rules the next height is valid, what is to come, and whether this program knows them. */
export const rulesJson = ({ ledger, rulesSwitch }: LedgerNode) => ({
  version: ledger.governance.rules,
  known: [...ledger.knownRules.keys()],
  /** It stopped before the next height, and answers readers only. */
  stopped: ledger.rules === null,
  next: rulesSwitch,
});

/** What this node knows of a text that someone looks for: a height, a hash of a block, transaction, digest or key, a member. */
export async function searchJson(node: LedgerNode, text: string) {
  const { ledger, reader } = node;
  const found: { kind: 'block' | 'transaction' | 'record' | 'member'; [field: string]: unknown }[] = [];
  if (/^\d{1,15}$/.test(text)) {
    const height = Number(text);
    if (height >= 1 && height <= ledger.height) found.push({ kind: 'block', height });
  }
  if (/^[0-9a-f]{64}$/.test(text)) {
    const height = await ledger.store.heightOfHash(text);
    if (height !== null) found.push({ kind: 'block', height });
    const place = await ledger.store.place(text);
    if (place !== null) found.push({ kind: 'transaction', txId: text, ...place });
    const byDigest = await reader.byDigest(Buffer.from(text, 'hex'), 0, 20);
    found.push(...byDigest.map((record) => ({ kind: 'record' as const, by: 'digest', ...recordJson(record) })));
  }
  if (/^([0-9a-f]{2}){1,64}$/.test(text)) {
    const byKey = await reader.byKey(null, Buffer.from(text, 'hex'), 0, 20);
    found.push(...byKey.map((record) => ({ kind: 'record' as const, by: 'key', ...recordJson(record) })));
  }
  const member = ledger.members.find(({ memberId, name }) => memberId === text || name === text);
  if (member !== undefined) found.push({ kind: 'member', ...memberJson(member) });
  return { found, ...standing(node) };
}

/** A checkpoint, and who signed it (docs/ledger-protocol.md, Checkpoints). */
export const checkpointJson = ({ checkpoint, timeMs, cosigned }: SignedCheckpoint) => ({
  height: checkpoint.height,
  blockHash: checkpoint.blockHash.toString('hex'),
  logSize: checkpoint.logSize,
  logRoot: checkpoint.logRoot.toString('hex'),
  timeMs,
  signatures: cosigned.map(signatureJson),
});

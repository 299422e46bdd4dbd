import { concat, fromHex, tag, toHex, utf8 } from './bytes.ts';
import { canonicalJson } from './jcs.ts';
import { blockHash, type Digest, leafHash, membersHash, precommitMessage, rootFromPath } from './ledger.ts';
import { type LedgerReceipt, parseLedgerReceipt, parseReceipt, type Receipt, type SignedHeader } from './receipt.ts';
import { ShapeError } from './shape.ts';

export { blockHash, leafHash, membersHash, rootFromPath } from './ledger.ts';
export {
  parseLedgerReceipt,
  parseReceipt,
  type LedgerReceipt,
  type Manifest,
  type Receipt,
  type ReceiptMember,
  type SignedHeader,
} from './receipt.ts';
export { ShapeError } from './shape.ts';
export { checkEquivocation, checkSplitView, decodeCommit, type SignedStatement } from './evidence.ts';
export { checkCosignatures, type SignedCheckpoint } from './checkpoint.ts';
export { genesisHash, type GenesisDocument, merkleRoot } from './ledger.ts';
export { readTransaction, txLeafHash, type ReadTransaction } from './transaction.ts';
export * from './trace.ts';

/** The hash and signature functions of wherever it runs (node: OpenSSL; browser: sm-crypto and hash-wasm). */
export interface VerifierCrypto {
  sm3: Digest;
  sm2Verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
}

/**
 * What someone who checks already believes: which chain, and one set of members that signed it at some time. Published by
 * the members; a receipt shows how that set handed over to the one that signed it.
 */
export interface Trust {
  chainId: string;
  genesisHash: string;
  membersHash: string;
}

export interface FileDigests {
  bytes: number;
  sm3: string;
  sha256?: string;
}

/** The layers of a proof, in the order they are checked; each stands on the one before. */
export const LAYERS = {
  form: { zh: '回执格式', en: 'Form of the receipt' },
  file: { zh: '文件摘要', en: 'Digest of the file' },
  manifest: { zh: '清单与存证记录', en: 'Manifest and attested record' },
  inclusion: { zh: '账本包含证明', en: 'Inclusion in the ledger' },
  header: { zh: '区块头', en: 'Block header' },
  commit: { zh: '成员联合签名', en: 'Signatures of the members' },
  handover: { zh: '成员交接', en: 'Handover between members' },
  trust: { zh: '信任锚', en: 'Trust anchor' },
} as const;
export type LayerName = keyof typeof LAYERS;

export interface Layer {
  layer: LayerName;
  state: 'pass' | 'fail' | 'unknown' | 'skipped';
  zh: string;
  en: string;
  /** Why it failed or could not be told, in a stable word or two. */
  reason?: string;
}

export interface Verdict {
  verdict: 'valid' | 'invalid' | 'unknown';
  /** The first layer that failed. */
  failed?: LayerName;
  layers: Layer[];
  receipt?: Receipt;
}

export type Outcome = { state: 'pass' } | { state: 'fail' | 'unknown'; reason: string };
const PASS: Outcome = { state: 'pass' };
const fail = (reason: string): Outcome => ({ state: 'fail', reason });

function checkFile({ manifest }: Receipt, file: FileDigests | null): Outcome {
  if (file === null) return { state: 'unknown', reason: 'no file given' };
  if (file.bytes !== manifest.package.bytes) return fail('length differs');
  if (file.sm3 !== manifest.package.sm3) return fail('SM3 differs');
  if (file.sha256 !== undefined && file.sha256 !== manifest.package.sha256) return fail('SHA-256 differs');
  return PASS;
}

function checkManifest({ manifest, salt, ledger }: Receipt, sm3: Digest): Outcome {
  const { record, sender } = ledger.entry;
  if (sender !== manifest.memberId) return fail('attested by another member');
  if (record.stream !== 'archive' || record.note !== '') return fail('not a record of an archive');
  const key = sm3(concat(tag('sealfolio/key/1'), utf8(manifest.archiveId)));
  if (toHex(key) !== record.key) return fail('key differs');
  const digest = sm3(concat(tag('sealfolio/attest/1'), fromHex(salt), utf8(canonicalJson(manifest))));
  return toHex(digest) === record.digest ? PASS : fail('digest differs');
}

function checkInclusion({ entry, index, path, header }: LedgerReceipt, sm3: Digest): Outcome {
  const root = rootFromPath(leafHash(entry, sm3), index, header.logSize, path.map(fromHex), sm3);
  if (root === null) return fail('path does not fit the index');
  return toHex(root) === header.logRoot ? PASS : fail('root differs');
}

function checkHeader({ header, members }: SignedHeader, chainId: string, sm3: Digest): Outcome {
  if (header.chainId !== chainId) return fail('another chain');
  const hash = membersHash(members, sm3);
  if (hash === null) return fail('members not in order');
  if (toHex(hash) !== header.membersHash) return fail('members differ');
  const proposer = members.find((member) => member.memberId === header.proposer);
  return proposer?.role === 'validator' ? PASS : fail('proposer is no validator');
}

function checkCommit({ header, commit, members }: SignedHeader, crypto: VerifierCrypto): Outcome {
  const block = blockHash(header, crypto.sm3);
  const validators = new Map(members.filter((member) => member.role === 'validator').map((m) => [m.memberId, m]));
  let previous = '';
  for (const { memberId, signature } of commit.signatures) {
    if (memberId <= previous) return fail('signatures not in order');
    previous = memberId;
    const validator = validators.get(memberId);
    if (validator === undefined) return fail('signed by no validator');
    const message = precommitMessage(header.chainId, header.height, commit.round, block, memberId);
    if (!crypto.sm2Verify(fromHex(validator.publicKey), message, fromHex(signature)))
      return fail(`signature of ${memberId}`);
  }
  // Tendermint (arXiv:1807.04938): a block is final with more than two thirds of the voting power.
  return 3 * commit.signatures.length > 2 * validators.size ? PASS : fail('fewer than a quorum');
}

/** Each set of members signed the block that names the next, up to those of `last`. */
export function checkHandovers(
  handovers: readonly SignedHeader[],
  last: Pick<SignedHeader['header'], 'chainId' | 'height' | 'membersHash'>,
  crypto: VerifierCrypto,
): Outcome {
  for (const [i, handover] of handovers.entries()) {
    const outcomes = [checkHeader(handover, last.chainId, crypto.sm3), checkCommit(handover, crypto)];
    const wrong = outcomes.find(({ state }) => state !== 'pass');
    if (wrong !== undefined) return wrong;
    const next = handovers[i + 1]?.header ?? last;
    if (handover.header.height >= next.height) return fail('handovers not in order');
    if (handover.header.nextMembersHash !== next.membersHash) return fail('members between two handovers differ');
  }
  return PASS;
}

function checkTrust(ledger: LedgerReceipt, trust: Trust | null): Outcome {
  if (trust === null) return { state: 'unknown', reason: 'no trust anchor given' };
  if (ledger.chainId !== trust.chainId || ledger.genesisHash !== trust.genesisHash)
    return fail('another chain than the trusted one');
  const sets = [...ledger.handovers, ledger].map(({ header }) => header.membersHash);
  return sets.includes(trust.membersHash) ? PASS : fail('other members than the trusted ones');
}

/** Runs the layers in order: after the first that fails the rest is skipped. Never throws on bad input. */
class Layers {
  readonly done: Layer[] = [];
  #failed: LayerName | undefined;

  add(layer: LayerName, check: () => Outcome): this {
    const outcome: Outcome | { state: 'skipped' } =
      this.#failed === undefined ? this.#run(check) : { state: 'skipped' };
    if (outcome.state === 'fail') this.#failed = layer;
    this.done.push({ layer, ...LAYERS[layer], ...outcome });
    return this;
  }

  #run(check: () => Outcome): Outcome {
    try {
      return check();
    } catch (error) {
      if (error instanceof ShapeError) return fail(error.message);
      throw error;
    }
  }

  /** The layers that need nothing but the ledger's part, each standing on the one before. */
  addLedger(read: () => LedgerReceipt, trust: Trust | null, crypto: VerifierCrypto): this {
    return this.add('inclusion', () => checkInclusion(read(), crypto.sm3))
      .add('header', () => checkHeader(read(), read().chainId, crypto.sm3))
      .add('commit', () => checkCommit(read(), crypto))
      .add('handover', () => checkHandovers(read().handovers, read().header, crypto))
      .add('trust', () => checkTrust(read(), trust));
  }

  verdict(): Pick<Verdict, 'verdict' | 'failed' | 'layers'> {
    const isSure = this.done.every(({ state }) => state === 'pass');
    const verdict = this.#failed !== undefined ? 'invalid' : isSure ? 'valid' : 'unknown';
    return { verdict, ...(this.#failed && { failed: this.#failed }), layers: this.done };
  }
}

/**
 * Checks a receipt, and the file it is of, without any server: every hash is made anew from the bytes given.
 * `file` or `trust` null leaves that layer unknown, and the verdict is at best `unknown`. Never throws on bad input.
 */
export function verifyReceipt(
  content: string,
  file: FileDigests | null,
  trust: Trust | null,
  crypto: VerifierCrypto,
): Verdict {
  let receipt: Receipt | undefined;
  const read = () => receipt!;
  const layers = new Layers()
    .add('form', () => {
      receipt = parseReceipt(content);
      return PASS;
    })
    .add('file', () => checkFile(read(), file))
    .add('manifest', () => checkManifest(read(), crypto.sm3))
    .addLedger(() => read().ledger, trust, crypto);
  return { ...layers.verdict(), ...(receipt && { receipt }) };
}

/**
 * Checks what a node gives for one record (`/v1/receipts/{txId}/{indexInTx}`): that a digest is in the ledger, whatever
 * it is of. `digest` (hex) null leaves the layer `file` out. Never throws on bad input.
 */
export function verifyRecord(
  given: unknown,
  digest: string | null,
  trust: Trust | null,
  crypto: VerifierCrypto,
): Omit<Verdict, 'receipt'> & { ledger?: LedgerReceipt } {
  let ledger: LedgerReceipt | undefined;
  const read = () => ledger!;
  const layers = new Layers().add('form', () => {
    ledger = parseLedgerReceipt(given);
    return PASS;
  });
  if (digest !== null)
    layers.add('file', () => (read().entry.record.digest === digest ? PASS : fail('another digest is attested')));
  layers.addLedger(read, trust, crypto);
  return { ...layers.verdict(), ...(ledger && { ledger }) };
}

/** Each signature under a header, by itself. */
export function checkSignatures(
  { header, commit, members }: SignedHeader,
  crypto: VerifierCrypto,
): { memberId: string; isValid: boolean }[] {
  const block = blockHash(header, crypto.sm3);
  const keys = new Map(members.filter(({ role }) => role === 'validator').map((m) => [m.memberId, m.publicKey]));
  return commit.signatures.map(({ memberId, signature }) => {
    const key = keys.get(memberId);
    const message = precommitMessage(header.chainId, header.height, commit.round, block, memberId);
    return { memberId, isValid: key !== undefined && crypto.sm2Verify(fromHex(key), message, fromHex(signature)) };
  });
}

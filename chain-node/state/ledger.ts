import { type Block, blockHash, type Header, txRootOf } from '../codec/block.ts';
import { membersHash, type Member, validatorsOf } from '../codec/member.ts';
import { TxType } from '../codec/transaction.ts';
import { type Commit, VoteType, voteMessage } from '../codec/vote.ts';
import { isQuorum } from '../consensus/core.ts';
import { LedgerError } from '../errors.ts';
import type { Genesis } from '../genesis.ts';
import type { CheckedTx } from '../mempool/checker.ts';
import { nonceKeyOf } from '../mempool/mempool.ts';
import { BlockStore, type PlacedTx } from '../store/block-store.ts';
import { RecordIndex } from '../store/record-index.ts';
import type { Signatures, World } from '../world.ts';
import { decodeTransaction } from '../codec/transaction.ts';
import { applyGovernanceTx, endBlock, type Governance, initialGovernance, stateHash } from './governance.ts';
import { type Extension, RecordLog } from './log.ts';
import { checkSnapshot, type Snapshot } from '../sync/snapshot.ts';
import { marksFrom } from './reader.ts';
import { type Rules, RULES, type RulesTable } from './rules.ts';

/** How far a proposer's clock may be ahead of ours. */
const MAX_CLOCK_SKEW_MS = 10_000;

const invalid = (reason: string) => new LedgerError('block-invalid', reason);

/** A block that may follow the head, and what becomes of the ledger by it. */
export interface Prepared {
  header: Header;
  hash: Buffer;
  txs: readonly CheckedTx[];
  extension: Extension;
  governance: Governance;
}

/** A transaction that cannot be in the next block, and why. */
export interface RefusedTx {
  tx: CheckedTx;
  error: LedgerError;
}

/** The chain as this node holds it: the head, the log over all records, what the members decided, and the store under them. */
export class Ledger {
  readonly log: RecordLog;
  readonly index: RecordIndex;
  #height = 0;
  #head: Buffer;
  #headTimeMs: number;
  #governance: Governance;
  #stateHash: Buffer;
  #membersHash: Buffer;
  /** Height, and size of the log, of the snapshot that this node began with: it has no blocks up to it. 0: it has all. */
  base = { height: 0, logSize: 0 };
  /** Heights whose signatures hand the chain over to another set of members. */
  readonly handovers: number[] = [];

  private constructor(
    readonly genesis: Genesis,
    readonly store: BlockStore,
    private readonly signatures: Signatures,
    readonly knownRules: RulesTable,
  ) {
    this.log = new RecordLog((level, tile) => store.tile(level, tile));
    this.index = new RecordIndex((keys) => store.indexPages(keys));
    this.#head = genesis.hash;
    this.#headTimeMs = genesis.timeMs;
    this.#governance = initialGovernance(genesis.members, genesis.policy);
    this.#stateHash = stateHash(this.#governance);
    this.#membersHash = membersHash(this.#governance.members);
  }

  /**
   * Opens the store; throws store-newer if a later program wrote it, or blocks by rules that are not known; store-corrupt if what is in it does not lead to what
   * its head says. `onCorrupt` is told when something is found changed.
   */
  static async open(
    genesis: Genesis,
    { disk, signatures }: Pick<World, 'disk' | 'signatures'>,
    onCorrupt?: (error: LedgerError) => void,
    knownRules: RulesTable = RULES,
  ): Promise<Ledger> {
    const store = new BlockStore(await disk.keyValues('blocks'), onCorrupt);
    const ledger = new Ledger(genesis, store, signatures, knownRules);
    try {
      await ledger.#load();
    } catch (error) {
      await ledger.store.close();
      throw error;
    }
    return ledger;
  }

  async #load(): Promise<void> {
    await this.store.checkFormat(this.knownRules);
    const height = await this.store.height();
    if (height === 0) return;
    const { header, commit } = await this.store.certificate(height);
    if (header.chainId !== this.genesis.chainId)
      throw new LedgerError('config-invalid', 'the store is of another chain');
    const corrupt = (what: string) => new LedgerError('store-corrupt', `${what} is not that of height ${height}`);
    if (!commit.blockHash.equals(blockHash(header))) throw corrupt('the head');
    await this.log.open(header.logSize);
    if (!this.log.root().equals(header.logRoot)) throw corrupt('the log');
    const governance = (await this.store.governance(height)) ?? this.#governance;
    if (!stateHash(governance).equals(header.stateHash)) throw corrupt('what the members decided');
    let handedTo = this.genesis.membersHash;
    for (const at of await this.store.governanceHeights(height)) {
      const { membersHash: before, nextMembersHash: after } = (await this.store.certificate(at)).header;
      if (before.equals(after)) continue;
      if (!before.equals(handedTo)) throw new LedgerError('store-corrupt', `a handover before height ${at} is missing`);
      handedTo = after;
      this.handovers.push(at);
    }
    if (!header.nextMembersHash.equals(handedTo)) throw corrupt('the last handover');
    const base = await this.store.base();
    if (base > 0) this.base = { height: base, logSize: (await this.store.certificate(base)).header.logSize };
    const from = Math.max(RecordIndex.openFrom(header.logSize), this.base.logSize);
    this.index.reset(from);
    for await (const marks of marksFrom(this.store, from, height)) this.index.add(marks);
    this.#moveTo(header, governance);
  }

  /** Begins an empty ledger with a snapshot. Throws not-found if it is not empty; what is wrong with the snapshot. */
  async begin(snapshot: Snapshot): Promise<void> {
    if (this.#height > 0) throw new LedgerError('not-found', 'not at the genesis');
    await checkSnapshot(this, snapshot);
    await this.store.begin(snapshot);
    await this.#load();
  }

  /** Counts what must lie beside the blocks (store/block-store.ts); to be called while nothing is written. */
  checkCounts(isOver: () => boolean): Promise<void> {
    const { base, handovers } = this;
    const before = base.height === 0 ? 0 : 1 + handovers.filter((at) => at < base.height).length;
    const blocks = before + this.#height - base.height;
    return this.store.checkCounts({ blocks, from: base.logSize, to: this.logSize }, isOver);
  }

  /** Whether the certificate of this height is here. */
  holds(height: number): boolean {
    return height >= Math.max(this.base.height, 1) && height <= this.#height;
  }

  get height(): number {
    return this.#height;
  }

  get head(): Buffer {
    return this.#head;
  }

  get headTimeMs(): number {
    return this.#headTimeMs;
  }

  get logSize(): number {
    return this.log.size;
  }

  /** Of the next height. */
  get governance(): Governance {
    return this.#governance;
  }

  get members(): readonly Member[] {
    return this.#governance.members;
  }

  /** Of the next height; null: the members switched to some that this program does not know, and it stops before them. */
  get rules(): Rules | null {
    return this.knownRules.get(this.#governance.rules) ?? null;
  }

  /** Throws rules-unknown if the next height is not for this program. */
  needRules(): Rules {
    const { rules } = this;
    if (rules !== null) return rules;
    const { rules: version } = this.#governance;
    throw new LedgerError('rules-unknown', `from height ${this.#height + 1} on rules ${version} hold, not known here`);
  }

  get validators(): string[] {
    return validatorsOf(this.members);
  }

  /** Hashes that the next header carries, or that this height’s rpc shows. */
  get stateHash(): Buffer {
    return this.#stateHash;
  }

  get membersHash(): Buffer {
    return this.#membersHash;
  }

  publicKeyOf(memberId: string): Buffer | undefined {
    return this.members.find((member) => member.memberId === memberId)?.publicKey;
  }

  /** Members that sign this height. */
  async membersAt(height: number): Promise<readonly Member[]> {
    if (height > this.#height) return this.members;
    return ((await this.store.governance(height - 1)) ?? initialGovernance(this.genesis.members, this.genesis.policy))
      .members;
  }

  /** The next block, of those of these transactions that may be in it. */
  build(txs: readonly CheckedTx[], proposer: string, nowMs: number): { prepared: Prepared; refused: RefusedTx[] } {
    const refused: RefusedTx[] = [];
    const { kept, governance } = this.#govern(txs, (tx, error) => void refused.push({ tx, error }));
    const extension = this.log.extend(kept.map(({ leaves }) => leaves));
    const header: Header = {
      chainId: this.genesis.chainId,
      height: this.#height + 1,
      timeMs: Math.max(nowMs, this.#headTimeMs + 1),
      previous: this.#head,
      txRoot: txRootOf(kept.map(({ hash }) => hash)),
      logSize: extension.size,
      logRoot: extension.root,
      ...this.#hashesAfter(governance),
      proposer,
    };
    return { prepared: { header, hash: blockHash(header), txs: kept, extension, governance }, refused };
  }

  /**
   * Whether a block of this header and these transactions, which are those that its txRoot names, may follow the head:
   * Tendermint's valid(v). `isWaiting` says of which it is known that their nonces are free. Throws block-invalid or
   * what is wrong with a transaction.
   */
  check(
    header: Header,
    txs: readonly CheckedTx[],
    isWaiting: (tx: CheckedTx) => boolean,
    nowMs: number | null,
  ): Prepared {
    this.#checkHeader(header, nowMs);
    const { maxBlockTxs, maxBlockBytes } = this.needRules();
    if (txs.length > maxBlockTxs) throw invalid('too many transactions');
    if (txs.reduce((sum, tx) => sum + tx.encoded.length, 0) > maxBlockBytes) throw invalid('too large');
    const once = new Set(txs.map(nonceKeyOf));
    if (once.size < txs.length) throw invalid('a transaction a second time');
    if (txs.some((tx) => !isWaiting(tx) && this.store.txIdOfNonce(tx) !== null))
      throw invalid('a transaction a second time');
    const { governance } = this.#govern(txs, (_tx, error) => {
      throw error;
    });
    const extension = this.log.extend(txs.map(({ leaves }) => leaves));
    if (header.logSize !== extension.size || !header.logRoot.equals(extension.root)) throw invalid('root of the log');
    const { nextMembersHash, stateHash: after } = this.#hashesAfter(governance);
    if (!header.nextMembersHash.equals(nextMembersHash)) throw invalid('members of the next height');
    if (!header.stateHash.equals(after)) throw invalid('hash of the state');
    return { header, hash: blockHash(header), txs, extension, governance };
  }

  /** Throws commit-invalid unless more than two thirds of the validators among these members signed this block. */
  async checkCommit(header: Header, commit: Commit, members: readonly Member[] = this.members): Promise<void> {
    const refuse = (reason: string) => new LedgerError('commit-invalid', reason);
    const hash = blockHash(header);
    if (commit.height !== header.height || !commit.blockHash.equals(hash)) throw refuse('of another block');
    const validators = validatorsOf(members);
    const signers = commit.signatures.map(({ memberId }) => memberId);
    if (signers.some((id, i) => !validators.includes(id) || (i > 0 && signers[i - 1]! >= id)))
      throw refuse('signers are not validators in order');
    if (!isQuorum(signers.length, validators.length)) throw refuse('fewer than a quorum');
    const { height, round } = commit;
    const answers = await this.signatures.verifyMany(
      commit.signatures.map(({ memberId: voter, signature }) => ({
        publicKey: members.find(({ memberId }) => memberId === voter)!.publicKey,
        message: voteMessage(header.chainId, { type: VoteType.precommit, height, round, blockHash: hash, voter }),
        signature,
      })),
    );
    if (answers.includes(false)) throw refuse('a signature is wrong');
  }

  /** Makes a checked block with its commit the head, durably; gives its transactions' places. */
  async append({ header, txs, extension, governance }: Prepared, commit: Commit): Promise<PlacedTx[]> {
    const tiles = this.log.tilesOf(extension);
    const placed = this.#place(txs);
    await this.store.append({
      certificate: { header, commit },
      txs: txs.map(({ encoded }) => encoded),
      placed,
      tiles,
      indexPages: txs.flatMap(({ marks }) => this.index.add(marks)),
      governance: governance === this.#governance ? null : governance,
      rules: this.#governance.rules,
    });
    this.log.adopt(extension, tiles);
    if (!header.membersHash.equals(header.nextMembersHash)) this.handovers.push(header.height);
    this.#moveTo(header, governance);
    return placed;
  }

  #place(txs: readonly CheckedTx[]): PlacedTx[] {
    let index = this.log.size;
    return txs.map(({ txId, sender, nonce, count }, indexInBlock) => {
      const place = { height: this.#height + 1, indexInBlock, index, count, txId, sender, nonce };
      index += count;
      return place;
    });
  }

  #checkHeader(header: Header, nowMs: number | null): void {
    if (header.chainId !== this.genesis.chainId) throw new LedgerError('chain-mismatch', 'block of another chain');
    if (header.height !== this.#height + 1) throw invalid('height');
    if (!header.previous.equals(this.#head)) throw invalid('does not follow the head');
    if (!header.membersHash.equals(this.#membersHash)) throw invalid('members');
    if (!this.validators.includes(header.proposer)) throw invalid('proposer');
    if (header.timeMs <= this.#headTimeMs) throw invalid('time does not move on');
    if (nowMs !== null && header.timeMs > nowMs + MAX_CLOCK_SKEW_MS) throw invalid('time lies ahead');
  }

  /** What these transactions make of the governance, and which of them may be in the block. */
  #govern(
    txs: readonly CheckedTx[],
    refuse: (tx: CheckedTx, error: LedgerError) => void,
  ): { kept: CheckedTx[]; governance: Governance } {
    const at = { chainId: this.genesis.chainId, height: this.#height + 1 };
    const keys = new Map(this.members.map(({ memberId, publicKey }) => [memberId, publicKey]));
    const kept: CheckedTx[] = [];
    let governance = this.#governance;
    for (const tx of txs)
      try {
        const key = keys.get(tx.sender);
        if (key === undefined) throw new LedgerError('sender-unknown', 'sender is no member');
        if (tx.senderKey !== null && !tx.senderKey.equals(key))
          throw new LedgerError('signature-invalid', 'signed by a key that the sender has no more');
        if (tx.type !== TxType.attest)
          governance = applyGovernanceTx(governance, decodeTransaction(tx.encoded), at, this.signatures.verify);
        kept.push(tx);
      } catch (error) {
        if (!(error instanceof LedgerError)) throw error;
        refuse(tx, error);
      }
    return { kept, governance: endBlock(governance, at.height) };
  }

  #hashesAfter(governance: Governance): Pick<Header, 'membersHash' | 'nextMembersHash' | 'stateHash'> {
    const isSame = governance === this.#governance;
    return {
      membersHash: this.#membersHash,
      nextMembersHash:
        governance.members === this.#governance.members ? this.#membersHash : membersHash(governance.members),
      stateHash: isSame ? this.#stateHash : stateHash(governance),
    };
  }

  #moveTo(header: Header, governance: Governance): void {
    this.#height = header.height;
    this.#head = blockHash(header);
    this.#headTimeMs = header.timeMs;
    this.#governance = governance;
    this.#stateHash = header.stateHash;
    this.#membersHash = header.nextMembersHash;
  }
}

/** The block as it is sent and stored. */
export const blockOf = ({ header, txs }: Pick<Prepared, 'header' | 'txs'>): Block => ({
  header,
  txs: txs.map(({ encoded }) => encoded),
});

import { crc32 } from 'node:zlib';
import { type Certificate, MAX_BLOCK_TXS, readCertificate, writeCertificate } from '../codec/block.ts';
import { decode, Writer } from '../codec/bytes.ts';
import { HASH_BYTES } from '../codec/record.ts';
import { LedgerError } from '../errors.ts';
import type { EvidenceJson } from '../state/evidence.ts';
import { decodeGovernance, encodeGovernance, FIRST_RULES, type Governance } from '../state/governance.ts';
import { type Tile, TILE_WIDTH } from '../state/log.ts';
import { RULES, type RulesTable } from '../state/rules.ts';
import type { Snapshot } from '../sync/snapshot.ts';
import type { KeyValues } from '../world.ts';

/** Where a transaction came to be. */
export interface TxPlace {
  height: number;
  /** Its number in the block. */
  indexInBlock: number;
  /** Index in the log of its first record, and how many it has. */
  index: number;
  count: number;
}

export interface PlacedTx extends TxPlace {
  txId: Buffer;
  sender: string;
  nonce: Buffer;
}

/** Where a record of the log came to be. */
export interface RecordPlace {
  height: number;
  /** Log index of the first record of its block. */
  first: number;
  indexInBlock: number;
  indexInTx: number;
}

/** Where a finding against members lies. */
export type EvidencePlace = Pick<EvidenceJson, 'height' | 'id'>;

/** What one block adds to the store. */
export interface Append {
  certificate: Certificate;
  txs: readonly Buffer[];
  placed: readonly PlacedTx[];
  tiles: readonly Tile[];
  indexPages: readonly [key: string, value: Buffer][];
  /** After the block, if it is another than before. */
  governance: Governance | null;
  /** Version of the rules by which the block is valid. */
  rules: number;
}

/**
 * Of all that lies in a node's folders: the store, the log of a height, what was last signed. Raised by a change after which
 * an older program would read any of it wrongly; what brings an older store up then stands in `checkFormat` (docs/adr/0021).
 */
export const STORE_FORMAT = 1;

const CHECKSUM_BYTES = 4;
const DIGITS = 14;
const padded = (value: number) => value.toString(16).padStart(DIGITS, '0');
const u64 = (value: number) => new Writer().u64(value).done();
const readU64 = (bytes: Buffer) => decode(bytes, (reader) => reader.u64());
const unpadded = (digits: string) => parseInt(digits, 16);
const nonceKey = (sender: string, nonce: Buffer) => `n/${sender}/${nonce.toString('hex')}`;
const txKey = (height: number, index: number) => `b/${padded(height)}/${index.toString(16).padStart(4, '0')}`;
const evidenceKey = ({ height, id }: EvidencePlace) => `x/${padded(height)}/${id}`;
const cosignatureKey = (height: number, memberId: string) => `p/${padded(height)}/${memberId}`;
const tileKey = (level: number, index: number) => `m/${level}/${padded(index)}`;

/** Behind a checksum over key and value: what was changed on the disk, or lies under another key, is noticed when it is read. */
function sealed(key: string, value: Buffer): Buffer {
  const out = Buffer.allocUnsafe(CHECKSUM_BYTES + value.length);
  out.writeUInt32BE(crc32(value, crc32(key)));
  value.copy(out, CHECKSUM_BYTES);
  return out;
}

const sealedPut = ([key, value]: [string, Buffer]): [string, Buffer] => [key, sealed(key, value)];

function certificatePuts(certificate: Certificate): [string, Buffer][] {
  const writer = new Writer();
  writeCertificate(writer, certificate);
  const { height } = certificate.header;
  return [
    [`c/${padded(height)}`, writer.done()],
    [`h/${certificate.commit.blockHash.toString('hex')}`, u64(height)],
  ];
}

const governancePut = (height: number, governance: Governance): [string, Buffer] => [
  `g/${padded(height)}`,
  encodeGovernance(governance),
];

const encodePlace = ({ height, indexInBlock, index, count }: TxPlace) =>
  new Writer().u64(height).u32(indexInBlock).u64(index).u32(count).done();

const decodePlace = (bytes: Buffer): TxPlace =>
  decode(bytes, (reader) => ({
    height: reader.u64(),
    indexInBlock: reader.u32(),
    index: reader.u64(),
    count: reader.u32(),
  }));

/** The records of a block: its height, the log index of the first, and how many each transaction brought. */
const encodeRun = (placed: readonly PlacedTx[]): Buffer =>
  new Writer()
    .u64(placed[0]!.height)
    .u64(placed[0]!.index)
    .list(placed, (inner, { count }) => inner.u32(count))
    .done();

const decodeRun = (bytes: Buffer): { height: number; first: number; counts: number[] } =>
  decode(bytes, (reader) => ({
    height: reader.u64(),
    first: reader.u64(),
    counts: reader.list(MAX_BLOCK_TXS, (inner) => inner.u32()),
  }));

/**
 * Blocks, their certificates, and what is derived from them. A block goes in as one durable write: it is there whole or
 * not at all. Keys:
 *
 *     format          u64 STORE_FORMAT of the program that wrote it: under this key, and sealed like this, in every format
 *     rules           u64 latest version of the rules by which a block here is valid; absent: the first. In every format
 *     head            u64 height of the last block
 *     base            u64 height of the snapshot that it begins with; absent: of the genesis
 *     c/HEIGHT        header, commit
 *     b/HEIGHT/N      the N-th transaction: txId, then its bytes
 *     h/HASH          u64 height of the block with this hash
 *     l/LAST          of the block whose last record has this log index: height, its first record, records of each transaction
 *     t/TXID          place of a transaction
 *     n/SENDER/NONCE  txId
 *     m/LEVEL/INDEX   tile of the log
 *     k/SEGMENT/PAGE  page of the record index
 *     g/HEIGHT        governance after a block that changed it
 *     p/HEIGHT/MEMBER signature of a member under the checkpoint of this height
 *     x/HEIGHT/ID     evidence (JSON)
 */
export class BlockStore {
  /** null: not counted since the last that was added. */
  #evidenceCount: Promise<number> | null = null;
  /** Whether the mark of its format is in it. */
  #isMarked = false;
  /** Under `rules`. */
  #rules = FIRST_RULES;

  constructor(
    private readonly kv: KeyValues,
    /** Told when something in the store is not what was written. */
    private readonly onCorrupt: (error: LedgerError) => void = () => {},
  ) {}

  /** The error for what is not as it was written: it is told on, and to be thrown. */
  corrupt(what: string): LedgerError {
    const error = new LedgerError('store-corrupt', what);
    this.onCorrupt(error);
    return error;
  }

  #opened(key: string, stored: Buffer): Buffer {
    const value = stored.subarray(CHECKSUM_BYTES);
    if (stored.length < CHECKSUM_BYTES || stored.readUInt32BE() !== crc32(value, crc32(key)))
      throw this.corrupt(`what is stored under ${key} was changed`);
    return value;
  }

  close(): Promise<void> {
    return this.kv.close();
  }

  async #get(key: string): Promise<Buffer | undefined> {
    const stored = await this.kv.get(key);
    return stored === undefined ? undefined : this.#opened(key, stored);
  }

  async #need(key: string, what: string): Promise<Buffer> {
    const value = await this.#get(key);
    if (value === undefined) throw this.corrupt(`${what} is missing`);
    return value;
  }

  /** One durable write: all or nothing. The first that a store gets brings the mark of its format. */
  async #write(puts: readonly [string, Buffer][]): Promise<void> {
    const sealed = puts.map(sealedPut);
    if (!this.#isMarked) sealed.unshift(sealedPut(['format', u64(STORE_FORMAT)]));
    await this.kv.write(sealed);
    this.#isMarked = true;
  }

  /**
   * To be called before anything else is. Throws store-newer if a later program wrote it, or blocks that are valid by rules
   * that are not known: neither is to be taken for damage. Without a mark it is of format 1.
   */
  async checkFormat(knownRules: RulesTable = RULES): Promise<void> {
    const value = await this.#get('format');
    if (value === undefined) return;
    const format = readU64(value);
    if (format > STORE_FORMAT)
      throw new LedgerError(
        'store-newer',
        `the store is of format ${format}, and this program knows formats up to ${STORE_FORMAT}: it was left as it is; ` +
          `start the version that wrote it, or a later one. ` +
          `存储格式为 ${format}，本程序只认识到 ${STORE_FORMAT}：存储未被改动，请启动写入它的版本或更新的版本。`,
      );
    this.#isMarked = true;
    const rules = await this.#get('rules');
    if (rules !== undefined) this.#rules = readU64(rules);
    if (!knownRules.has(this.#rules))
      throw new LedgerError(
        'store-newer',
        `the store holds blocks by rules ${this.#rules}, which this program does not know: it was left as it is; ` +
          `start the version that wrote it, or a later one. ` +
          `存储中有按第 ${this.#rules} 版规则的区块，本程序不认识：存储未被改动，请启动写入它的版本或更新的版本。`,
      );
  }

  /** The mark of a block's rules, if they are later than those before it. */
  #rulesPuts(rules: number): [string, Buffer][] {
    if (rules <= this.#rules) return [];
    this.#rules = rules;
    return [['rules', u64(rules)]];
  }

  /** 0 before the first block. */
  async height(): Promise<number> {
    const value = await this.#get('head');
    if (value !== undefined) return readU64(value);
    for await (const [key] of this.kv.range('c/', 'c0', 1))
      throw this.corrupt(`the head is missing, and ${key} is there`);
    return 0;
  }

  /** Height of the snapshot that the store begins with; 0: it has all blocks. */
  async base(): Promise<number> {
    const value = await this.#get('base');
    return value === undefined ? 0 : readU64(value);
  }

  /** Begins an empty store with a snapshot that was checked. */
  async begin({ certificate, governance, tiles, handovers }: Snapshot): Promise<void> {
    const { height, logSize } = certificate.header;
    const puts: [string, Buffer][] = [];
    for (const one of [...handovers, { certificate, governance }]) {
      puts.push(...certificatePuts(one.certificate), governancePut(one.certificate.header.height, one.governance));
    }
    for (const [level, hashes] of tiles.entries())
      if (hashes.length > 0) puts.push([tileKey(level, Math.floor(logSize / TILE_WIDTH ** (level + 1))), hashes]);
    puts.push(...this.#rulesPuts(governance.rules), ['base', u64(height)], ['head', u64(height)]);
    await this.#write(puts);
  }

  async append({ certificate, txs, placed, tiles, indexPages, governance, rules }: Append): Promise<void> {
    const { height, logSize } = certificate.header;
    const puts: [string, Buffer][] = [...certificatePuts(certificate), ...indexPages];
    for (const [i, tx] of txs.entries()) puts.push([txKey(height, i), Buffer.concat([placed[i]!.txId, tx])]);
    if (placed.length > 0) puts.push([`l/${padded(logSize - 1)}`, encodeRun(placed)]);
    for (const one of placed) {
      puts.push([`t/${one.txId.toString('hex')}`, encodePlace(one)]);
      puts.push([nonceKey(one.sender, one.nonce), one.txId]);
    }
    for (const { level, index, hashes } of tiles) puts.push([tileKey(level, index), hashes]);
    if (governance !== null) puts.push(governancePut(height, governance));
    puts.push(...this.#rulesPuts(rules));
    puts.push(['head', u64(height)]);
    await this.#write(puts);
  }

  /**
   * Counts what lies beside the blocks, so that what is missing is not taken for what never was: the records of one block
   * begin where those of the block before end, every transaction has a place and a nonce, every block its hash. To be
   * called while nothing is written; what is written meanwhile is not counted. Tells on, and throws, store-corrupt.
   * `blocks`: how many certificates there are; `from`, `to`: the records; `isOver`: nobody waits for it any more.
   */
  async checkCounts(
    { blocks, from, to }: { blocks: number; from: number; to: number },
    isOver: () => boolean,
  ): Promise<void> {
    // All of them begin in this turn of the event loop, and see the store of this moment.
    const [txs, places, nonces, hashes] = await Promise.all([
      this.#countTxs(from, to, isOver),
      this.#count('t', isOver),
      this.#count('n', isOver),
      this.#count('h', isOver),
    ]);
    if (isOver()) return;
    if (places !== txs) throw this.corrupt(`of ${txs} transactions, places of ${places} are there`);
    if (nonces !== txs) throw this.corrupt(`of ${txs} transactions, nonces of ${nonces} are there`);
    if (hashes !== blocks) throw this.corrupt(`of ${blocks} blocks, hashes of ${hashes} are there`);
  }

  async #count(prefix: string, isOver: () => boolean): Promise<number> {
    let found = 0;
    for await (const keys of this.kv.keys(`${prefix}/`, `${prefix}0`)) {
      if (isOver()) break;
      found += keys.length;
    }
    return found;
  }

  /** How many transactions brought the records from one on up to another. */
  async #countTxs(from: number, to: number, isOver: () => boolean): Promise<number> {
    let [next, txs] = [from, 0];
    for await (const [key, stored] of this.kv.range('l/', 'l0')) {
      if (isOver()) return txs;
      const { first, counts } = decodeRun(this.#opened(key, stored));
      if (first !== next) break;
      next = unpadded(key.slice(2)) + 1;
      txs += counts.length;
    }
    if (next !== to) throw this.corrupt(`the place of record ${next} is missing`);
    return txs;
  }

  async certificate(height: number): Promise<Certificate> {
    return decode(await this.#need(`c/${padded(height)}`, `block ${height}`), readCertificate);
  }

  async txs(height: number): Promise<Buffer[]> {
    const txs: Buffer[] = [];
    for await (const [key, stored] of this.kv.range(`b/${padded(height)}/`, `b/${padded(height)}0`))
      txs.push(this.#opened(key, stored).subarray(HASH_BYTES));
    return txs;
  }

  /** One transaction of a block. */
  async tx(height: number, indexInBlock: number): Promise<{ txId: Buffer; encoded: Buffer }> {
    const value = await this.#need(txKey(height, indexInBlock), `transaction ${indexInBlock} of block ${height}`);
    return { txId: value.subarray(0, HASH_BYTES), encoded: value.subarray(HASH_BYTES) };
  }

  async heightOfHash(hash: string): Promise<number | null> {
    const value = await this.#get(`h/${hash}`);
    return value === undefined ? null : readU64(value);
  }

  /** Where the record with this log index, which the log has, came to be. */
  async placeOfRecord(index: number): Promise<RecordPlace> {
    for await (const [key, stored] of this.kv.range(`l/${padded(index)}`, 'l0', 1)) {
      const { height, first, counts } = decodeRun(this.#opened(key, stored));
      if (index < first) break;
      let at = first;
      for (const [indexInBlock, count] of counts.entries()) {
        if (index < at + count) return { height, first, indexInBlock, indexInTx: index - at };
        at += count;
      }
      break;
    }
    throw this.corrupt(`the place of record ${index} is missing`);
  }

  /** How many transactions brought records in the block of this height, after which the log has this size: all of them do. */
  async txCount(height: number, logSize: number): Promise<number> {
    for await (const [key, stored] of this.kv.range(`l/${padded(logSize - 1)}`, `l/${padded(logSize)}`, 1)) {
      const run = decodeRun(this.#opened(key, stored));
      if (run.height === height) return run.counts.length;
    }
    return 0;
  }

  async place(txId: string): Promise<TxPlace | null> {
    const value = await this.#get(`t/${txId}`);
    return value === undefined ? null : decodePlace(value);
  }

  /** The id of the transaction that used this nonce, or null. */
  txIdOfNonce({ sender, nonce }: { sender: string; nonce: Buffer }): Buffer | null {
    const key = nonceKey(sender, nonce);
    const stored = this.kv.getSync(key);
    return stored === undefined ? null : this.#opened(key, stored);
  }

  async tile(level: number, index: number): Promise<Buffer> {
    const hashes = await this.#need(tileKey(level, index), `tile ${level}/${index}`);
    if (hashes.length === 0 || hashes.length % HASH_BYTES !== 0) throw this.corrupt(`tile ${level}/${index}`);
    return hashes;
  }

  /** Pages of full segments, each of which has all. */
  async indexPages(keys: readonly string[]): Promise<Buffer[]> {
    const values = await this.kv.getMany(keys);
    return values.map((stored, i) => {
      if (stored === undefined) throw this.corrupt(`page ${keys[i]} of the record index is missing`);
      return this.#opened(keys[i]!, stored);
    });
  }

  /** Governance after this height, or null if no block up to it changed any. */
  async governance(height: number): Promise<Governance | null> {
    for await (const [key, stored] of this.kv.range('g/', `g/${padded(height + 1)}`, 1, true))
      return decodeGovernance(this.#opened(key, stored));
    return null;
  }

  /** Heights in [1, to] after which the governance was another. */
  async governanceHeights(to: number): Promise<number[]> {
    const heights: number[] = [];
    for await (const [key] of this.kv.range('g/', `g/${padded(to + 1)}`)) heights.push(unpadded(key.slice(2)));
    return heights;
  }

  async addCosignature(height: number, memberId: string, signature: Buffer): Promise<void> {
    await this.#write([[cosignatureKey(height, memberId), signature]]);
  }

  async cosignature(height: number, memberId: string): Promise<Buffer | null> {
    return (await this.#get(cosignatureKey(height, memberId))) ?? null;
  }

  /** By memberId. */
  async cosignatures(height: number): Promise<{ memberId: string; signature: Buffer }[]> {
    const found: { memberId: string; signature: Buffer }[] = [];
    const prefix = cosignatureKey(height, '');
    for await (const [key, stored] of this.kv.range(prefix, cosignatureKey(height + 1, '')))
      found.push({ memberId: key.slice(prefix.length), signature: this.#opened(key, stored) });
    return found;
  }

  /** The last heights whose checkpoints are signed, the newest first. */
  async checkpointHeights(limit: number): Promise<number[]> {
    const heights: number[] = [];
    let before = 'p0';
    while (heights.length < limit) {
      let found: number | null = null;
      for await (const [key] of this.kv.range('p/', before, 1, true)) found = unpadded(key.slice(2, 2 + DIGITS));
      if (found === null) break;
      heights.push(found);
      before = cosignatureKey(found, '');
    }
    return heights;
  }

  /** Kept for ever; once however often it is found. */
  async addEvidence(evidence: EvidenceJson): Promise<void> {
    await this.#write([[evidenceKey(evidence), Buffer.from(JSON.stringify(evidence))]]);
    this.#evidenceCount = null;
  }

  /** How many findings are kept; counted again only after one more. */
  evidenceCount(): Promise<number> {
    return (this.#evidenceCount ??= this.#countEvidence());
  }

  async #countEvidence(): Promise<number> {
    let count = 0;
    for await (const _one of this.kv.range('x/', 'x0')) count += 1;
    return count;
  }

  /** What was found against members, by height. */
  async evidence(limit: number): Promise<EvidenceJson[]> {
    const found: EvidenceJson[] = [];
    for await (const [key, stored] of this.kv.range('x/', 'x0', limit))
      found.push(JSON.parse(this.#opened(key, stored).toString()) as EvidenceJson);
    return found;
  }

  /** One page of it, the highest first, from one on; of one height only if that is given. `next` is the one to go on from. */
  async evidencePage(
    limit: number,
    { from = null, height = null }: { from?: EvidencePlace | null; height?: number | null } = {},
  ): Promise<{ found: EvidenceJson[]; next: EvidencePlace | null }> {
    const found: EvidenceJson[] = [];
    const [first, end] = height === null ? ['x/', 'x0'] : [`x/${padded(height)}/`, `x/${padded(height)}0`];
    // The first key after that of `from`.
    const after = from === null ? end : `${evidenceKey(from)}\0`;
    for await (const [key, stored] of this.kv.range(first, after < end ? after : end, limit + 1, true))
      found.push(JSON.parse(this.#opened(key, stored).toString()) as EvidenceJson);
    const rest = found[limit];
    return { found: found.slice(0, limit), next: rest === undefined ? null : { height: rest.height, id: rest.id } };
  }
}

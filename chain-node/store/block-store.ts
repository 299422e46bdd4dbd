import { ClassicLevel } from 'classic-level';
import { type Block, type Commit, decodeBlock, decodeCommit, encodeBlock, encodeCommit } from '../codec/block.ts';
import { LedgerError } from '../errors.ts';

/** Where a transaction came to be. */
export interface TxPlace {
  height: number;
  /** Index in the log of its first record, and how many it has. */
  index: number;
  count: number;
}

export interface AppliedTx extends TxPlace {
  txId: Buffer;
  sender: string;
  nonce: Buffer;
  entries: { encoded: Buffer; stream: string; key: Buffer }[];
}

const padded = (value: number) => value.toString(16).padStart(14, '0');
const unpadded = (key: string) => parseInt(key.slice(key.lastIndexOf('/') + 1), 16);
const nonceKey = (sender: string, nonce: Buffer) => `n/${sender}/${nonce.toString('hex')}`;
const BINARY = { valueEncoding: 'buffer' } as const;

/**
 * Blocks, their commits, and the indexes over them, on LevelDB. A block goes in as one synced batch, so after a kill it
 * is there whole or not at all.
 */
export class BlockStore {
  readonly #db: ClassicLevel;

  private constructor(db: ClassicLevel) {
    this.#db = db;
  }

  static async open(dir: string): Promise<BlockStore> {
    const db = new ClassicLevel(dir, { keyEncoding: 'utf8', valueEncoding: 'utf8' });
    await db.open();
    return new BlockStore(db);
  }

  close(): Promise<void> {
    return this.#db.close();
  }

  /** 0 before the first block. */
  async height(): Promise<number> {
    return Number((await this.#db.get('head')) ?? 0);
  }

  async append(block: Block, commit: Commit, txs: readonly AppliedTx[]): Promise<void> {
    const { height } = block.header;
    const batch = this.#db.batch();
    batch.put(`b/${padded(height)}`, encodeBlock(block), BINARY);
    batch.put(`c/${padded(height)}`, encodeCommit(commit), BINARY);
    for (const { txId, sender, nonce, entries, index, count } of txs) {
      batch.put(`t/${txId.toString('hex')}`, JSON.stringify({ height, index, count }));
      batch.put(nonceKey(sender, nonce), txId.toString('hex'));
      for (const [i, { encoded, stream, key }] of entries.entries()) {
        batch.put(`e/${padded(index + i)}`, encoded, BINARY);
        batch.put(`k/${stream}/${key.toString('hex')}/${padded(index + i)}`, '');
      }
    }
    batch.put('head', String(height));
    await batch.write({ sync: true });
  }

  async block(height: number): Promise<Block> {
    return decodeBlock(await this.#bytes(`b/${padded(height)}`, `block ${height}`));
  }

  async commit(height: number): Promise<Commit> {
    return decodeCommit(await this.#bytes(`c/${padded(height)}`, `commit ${height}`));
  }

  async entry(index: number): Promise<Buffer> {
    return this.#bytes(`e/${padded(index)}`, `record ${index}`);
  }

  /** All log entries from the first, in order. */
  async *entries(): AsyncGenerator<Buffer> {
    for await (const value of this.#db.values<string, Buffer>({ gte: 'e/', lt: 'e0', ...BINARY })) yield value;
  }

  async place(txId: string): Promise<TxPlace | null> {
    const value = await this.#db.get(`t/${txId}`);
    return value === undefined ? null : (JSON.parse(value) as TxPlace);
  }

  /** The transaction that used this nonce, if one did. */
  async txIdOfNonce(sender: string, nonce: Buffer): Promise<string | null> {
    return (await this.#db.get(nonceKey(sender, nonce))) ?? null;
  }

  /** Log indexes of the records under a key, oldest first. */
  async history(stream: string, key: string, limit: number): Promise<number[]> {
    const prefix = `k/${stream}/${key}/`;
    const keys = await this.#db.keys({ gte: prefix, lt: `${prefix}g`, limit }).all();
    return keys.map(unpadded);
  }

  async #bytes(key: string, what: string): Promise<Buffer> {
    const value = await this.#db.get<string, Buffer>(key, BINARY);
    if (value === undefined) throw new LedgerError('not-found', what);
    return value;
  }
}

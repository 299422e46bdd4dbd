import { type Block, type Commit, decodeBlock, decodeCommit, encodeBlock, encodeCommit } from '../codec/block.ts';
import { LedgerError } from '../errors.ts';
import type { EvidenceJson } from '../state/evidence.ts';
import type { KeyValues } from '../world.ts';

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

/** Blocks, their commits, and the indexes over them. A block goes in as one durable write: it is there whole or not at all. */
export class BlockStore {
  constructor(private readonly kv: KeyValues) {}

  close(): Promise<void> {
    return this.kv.close();
  }

  /** 0 before the first block. */
  async height(): Promise<number> {
    return Number((await this.kv.get('head')) ?? 0);
  }

  async append(block: Block, commit: Commit, txs: readonly AppliedTx[]): Promise<void> {
    const { height } = block.header;
    const puts: [string, Buffer | string][] = [
      [`b/${padded(height)}`, encodeBlock(block)],
      [`c/${padded(height)}`, encodeCommit(commit)],
    ];
    for (const { txId, sender, nonce, entries, index, count } of txs) {
      puts.push([`t/${txId.toString('hex')}`, JSON.stringify({ height, index, count })]);
      puts.push([nonceKey(sender, nonce), txId.toString('hex')]);
      for (const [i, { encoded, stream, key }] of entries.entries()) {
        puts.push([`e/${padded(index + i)}`, encoded]);
        puts.push([`k/${stream}/${key.toString('hex')}/${padded(index + i)}`, '']);
      }
    }
    puts.push(['head', String(height)]);
    await this.kv.write(puts);
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
    for await (const [, value] of this.kv.range('e/', 'e0')) yield value;
  }

  async place(txId: string): Promise<TxPlace | null> {
    const value = await this.kv.get(`t/${txId}`);
    return value === undefined ? null : (JSON.parse(value.toString()) as TxPlace);
  }

  /** The transaction that used this nonce, if one did. */
  async txIdOfNonce(sender: string, nonce: Buffer): Promise<string | null> {
    return (await this.kv.get(nonceKey(sender, nonce)))?.toString() ?? null;
  }

  /** Kept for ever; once however often it is found. */
  async addEvidence(evidence: EvidenceJson): Promise<void> {
    await this.kv.write([[`x/${padded(evidence.height)}/${evidence.id}`, JSON.stringify(evidence)]]);
  }

  /** What was found against members, by height. */
  async evidence(limit: number): Promise<EvidenceJson[]> {
    const found: EvidenceJson[] = [];
    for await (const [, value] of this.kv.range('x/', 'x0', limit))
      found.push(JSON.parse(value.toString()) as EvidenceJson);
    return found;
  }

  /** Log indexes of the records under a key, oldest first. */
  async history(stream: string, key: string, limit: number): Promise<number[]> {
    const prefix = `k/${stream}/${key}/`;
    const indexes: number[] = [];
    for await (const [at] of this.kv.range(prefix, `${prefix}g`, limit)) indexes.push(unpadded(at));
    return indexes;
  }

  async #bytes(key: string, what: string): Promise<Buffer> {
    const value = await this.kv.get(key);
    if (value === undefined) throw new LedgerError('not-found', what);
    return value;
  }
}

import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { mongo } from 'mongoose';
import { ulid } from 'ulid';
import { SealfolioError } from '../../domain/errors.ts';
import type { Card } from '../card/card.ts';
import { createSm3, SM4_KEY_BYTES } from '../crypto/index.ts';
import { CHUNK_BYTES, chunkCount, intoChunks, openChunk, SEALED_CHUNK_BYTES, sealChunk } from './chunks.ts';
import { bufferOf, headerDigest, headerOf, type ObjectFile, type ObjectKind } from './header.ts';

export interface ObjectDigests {
  bytes: number;
  sm3: string;
  sha256: string;
}

export interface ObjectStat extends ObjectDigests {
  objectId: string;
  kind: ObjectKind;
  mediaType: string;
}

export interface NewObject {
  kind: ObjectKind;
  mediaType: string;
  /** Plaintext bytes, if known beforehand; an object written in pieces must say. */
  length?: number;
}

interface ChunkDocument {
  files_id: string;
  n: number;
  data: mongo.Binary;
}

const BUCKET = 'objects';
/** Chunks on their way to the server at once: sealing, hashing and storing go on side by side. */
const IN_FLIGHT = 4;
/** Chunks fetched by one query of a read. */
const GROUP = 4;
const CACHE_SIZE = 512;
const CACHE_MS = 60_000;
const DUPLICATE_KEY = 11_000;
/**
 * Writes before the one that seals need no wait for the disk: the journal and the oplog are in order, so when the seal
 * is durable (the connection's write concern), all before it is.
 */
const ON_THE_WAY = { writeConcern: { w: 1, journal: false } } as const;

/** Runs at most `limit` at once; the first failure is thrown by the next call. */
class Pipeline {
  readonly #running = new Set<Promise<void>>();
  #error: unknown;

  constructor(private readonly limit: number) {}

  async push(task: () => Promise<void>): Promise<void> {
    while (this.#running.size >= this.limit) await Promise.race(this.#running);
    if (this.#error !== undefined) throw this.#error;
    const running = task()
      .catch((error: unknown) => {
        this.#error ??= error;
      })
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async drain(): Promise<void> {
    await Promise.all(this.#running);
    if (this.#error !== undefined) throw this.#error;
  }
}

class Digester {
  readonly #sm3 = createSm3();
  readonly #sha256 = createHash('sha256');
  bytes = 0;

  update(piece: Uint8Array): void {
    this.#sm3.update(piece);
    this.#sha256.update(piece);
    this.bytes += piece.length;
  }

  digests(): ObjectDigests {
    return { bytes: this.bytes, sm3: this.#sm3.digest('hex'), sha256: this.#sha256.digest('hex') };
  }
}

/**
 * Sealed objects (design §5): each under a data key of its own that the card wraps, in chunks of SM4-GCM, header and
 * digests under the card's MAC. A read opens only the chunks that cover it. They are laid out as a GridFS bucket, so any
 * driver's GridFSBucket and MongoDB's own tools read and back up the sealed bytes; ours fetches in groups, ahead.
 *
 * Throws SealfolioError: object-not-found, object-unfinished, object-integrity {layer, index?}, range-invalid,
 * upload-offset, upload-length, and card-unavailable.
 */
export class SealedObjects {
  readonly #files: mongo.Collection<ObjectFile>;
  readonly #chunks: mongo.Collection<ChunkDocument>;
  readonly #opened = new Map<string, { key: Buffer; stat: ObjectStat; until: number }>();
  /** Begun by this process and not sealed yet: an upload in one request needs neither the card nor the database again. */
  readonly #begun = new Map<string, { key: Buffer; file: ObjectFile }>();

  constructor(
    db: mongo.Db,
    private readonly card: Card,
  ) {
    this.#files = db.collection(`${BUCKET}.files`);
    this.#chunks = db.collection(`${BUCKET}.chunks`);
  }

  async createIndexes(): Promise<void> {
    await this.#chunks.createIndex({ files_id: 1, n: 1 }, { unique: true });
    await this.#files.createIndex({ 'metadata.state': 1, uploadDate: 1 });
  }

  /** Makes an object that nothing can be read from yet; bytes come by append, and finish seals it. */
  async create({ kind, mediaType, length }: NewObject): Promise<string> {
    const { objectId, key, file } = await this.#open(kind, mediaType, length ?? null);
    if (this.#begun.size >= CACHE_SIZE) this.#begun.delete(this.#begun.keys().next().value!);
    this.#begun.set(objectId, { key, file });
    return objectId;
  }

  /** How many plaintext bytes of an unfinished object are stored. */
  async offset(objectId: string): Promise<number> {
    const file = await this.#file(objectId);
    const chunks = await this.#chunks.countDocuments({ files_id: objectId });
    return Math.min(chunks * CHUNK_BYTES, file.metadata.plainLength ?? Infinity);
  }

  /**
   * Stores the bytes from `offset` on and gives the new offset. Whole chunks only: what is left over when a source
   * breaks off, and does not end the object, is not kept. Done again after a crash it is the same. Gives the digests
   * too, if these were all the bytes of the object.
   */
  async append(
    objectId: string,
    offset: number,
    source: AsyncIterable<Uint8Array>,
  ): Promise<{ offset: number; digests?: ObjectDigests }> {
    const { key, file } = this.#begun.get(objectId) ?? (await this.#begunElsewhere(objectId));
    const length = file.metadata.plainLength;
    if (file.metadata.state !== 'open' || length === null)
      throw new SealfolioError('upload-offset', { objectId, reason: 'the object takes no more bytes' });
    // From the start: what is there already must be the same bytes, chunk by chunk.
    const expected = offset === 0 ? 0 : await this.offset(objectId);
    if (offset !== expected) throw new SealfolioError('upload-offset', { objectId, expected });
    const digester = offset === 0 ? new Digester() : null;
    const pipeline = new Pipeline(IN_FLIGHT);
    let at = offset;
    try {
      for await (const chunk of intoChunks(source)) {
        if (at + chunk.length > length) throw new SealfolioError('upload-length', { objectId, length });
        const isLast = at + chunk.length === length;
        if (chunk.length < CHUNK_BYTES && !isLast) break;
        digester?.update(chunk);
        const index = at / CHUNK_BYTES;
        await pipeline.push(() => this.#store(key, { objectId, index, isLast }, chunk));
        at += chunk.length;
      }
    } finally {
      await pipeline.drain();
    }
    return { offset: at, ...(digester !== null && at === length && { digests: digester.digests() }) };
  }

  /** Seals an object whose bytes are all there. `digests` are those that append gave; without, they are made by reading it. */
  async finish(objectId: string, digests?: ObjectDigests): Promise<ObjectDigests> {
    const begun = digests && this.#begun.get(objectId);
    const file = begun?.file ?? (await this.#file(objectId));
    if (file.metadata.state === 'sealed') return headerDigests(file);
    const { plainLength } = file.metadata;
    const length = digests?.bytes ?? (await this.offset(objectId));
    if (plainLength === null || length !== plainLength) throw new SealfolioError('object-unfinished', { objectId });
    const made = digests ?? (await this.#digest(file, plainLength));
    await this.#seal(file, made);
    return made;
  }

  /** Writes a whole object of any length. */
  async write(source: AsyncIterable<Uint8Array>, { kind, mediaType }: NewObject): Promise<ObjectStat> {
    const { objectId, key, file } = await this.#open(kind, mediaType, null);
    const digester = new Digester();
    const pipeline = new Pipeline(IN_FLIGHT);
    let held: Buffer | undefined;
    let index = 0;
    const put = (chunk: Buffer, isLast: boolean) => {
      const place = { objectId, index, isLast };
      index += 1;
      return pipeline.push(() => this.#store(key, place, chunk));
    };
    try {
      for await (const chunk of intoChunks(source)) {
        digester.update(chunk);
        if (held !== undefined) await put(held, false);
        held = chunk;
      }
      if (held !== undefined) await put(held, true);
      await pipeline.drain();
    } catch (error) {
      await pipeline.drain().catch(() => {});
      await this.remove(objectId);
      throw error;
    }
    const digests = digester.digests();
    await this.#seal({ ...file, metadata: { ...file.metadata, plainLength: digests.bytes } }, digests);
    return { objectId, kind, mediaType, ...digests };
  }

  /** Checks the header by the card and says what the object is. */
  async stat(objectId: string): Promise<ObjectStat> {
    return (await this.#opening(objectId)).stat;
  }

  /** The plaintext of [start, end) as a stream; nothing unchecked leaves it. */
  async read(objectId: string, range: { start: number; end: number } | null = null): Promise<Readable> {
    const { key, stat } = await this.#opening(objectId);
    const { start, end } = range ?? { start: 0, end: stat.bytes };
    if (!(start >= 0 && start <= end && end <= stat.bytes))
      throw new SealfolioError('range-invalid', { objectId, bytes: stat.bytes });
    return Readable.from(this.#plain(key, stat, start, end), { objectMode: false });
  }

  /** All of a small object, or of a small range of one. */
  async readAll(objectId: string, range: { start: number; end: number } | null = null): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for await (const piece of await this.read(objectId, range)) pieces.push(piece as Buffer);
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  }

  /** Ids of objects made in [from, to): those still open, or sealed ones of a kind. */
  async *made(from: Date, to: Date, which: { state: 'open' } | { state: 'sealed'; kind: ObjectKind }) {
    const { state, ...rest } = which;
    const filter = {
      'metadata.state': state,
      ...('kind' in rest && { 'metadata.kind': rest.kind }),
      uploadDate: { $gte: from, $lt: to },
    };
    for await (const { _id } of this.#files.find(filter, { projection: { _id: 1 } })) yield _id;
  }

  async remove(objectId: string): Promise<void> {
    this.#opened.delete(objectId);
    this.#begun.delete(objectId);
    await this.#chunks.deleteMany({ files_id: objectId });
    await this.#files.deleteOne({ _id: objectId });
  }

  async #open(kind: ObjectKind, mediaType: string, plainLength: number | null) {
    const objectId = `ob_${ulid().toLowerCase()}`;
    const key = await this.card.random(SM4_KEY_BYTES);
    const { wrappedKey, keyId } = await this.card.wrapKey(key);
    const file: ObjectFile = {
      _id: objectId,
      length: 0,
      chunkSize: SEALED_CHUNK_BYTES,
      uploadDate: new Date(),
      filename: objectId,
      metadata: { state: 'open', kind, mediaType, wrappedKey, keyId, plainLength },
    };
    await this.#files.insertOne(file, ON_THE_WAY);
    return { objectId, key, file };
  }

  async #begunElsewhere(objectId: string): Promise<{ key: Buffer; file: ObjectFile }> {
    const file = await this.#file(objectId);
    return { key: await this.card.unwrapKey(bufferOf(file.metadata.wrappedKey), file.metadata.keyId), file };
  }

  async #file(objectId: string): Promise<ObjectFile> {
    const file = await this.#files.findOne({ _id: objectId });
    if (file === null) throw new SealfolioError('object-not-found', { objectId });
    return file;
  }

  async #store(
    key: Buffer,
    place: { objectId: string; index: number; isLast: boolean },
    plaintext: Buffer,
  ): Promise<void> {
    const data = new mongo.Binary(await sealChunk(key, place, plaintext));
    try {
      await this.#chunks.insertOne({ files_id: place.objectId, n: place.index, data }, ON_THE_WAY);
    } catch (error) {
      if ((error as { code?: number }).code !== DUPLICATE_KEY) throw error;
      // A try before this one stored it, though its answer was lost. The same key and nonce give the same bytes only
      // for the same plaintext: anything else must not be taken.
      const stored = await this.#chunks.findOne({ files_id: place.objectId, n: place.index });
      if (stored === null || !bufferOf(stored.data).equals(bufferOf(data)))
        throw new SealfolioError('upload-offset', { objectId: place.objectId, reason: 'other bytes are stored there' });
    }
  }

  async #digest(file: ObjectFile, length: number): Promise<ObjectDigests> {
    const key = await this.card.unwrapKey(bufferOf(file.metadata.wrappedKey), file.metadata.keyId);
    const digester = new Digester();
    const last = chunkCount(length) - 1;
    for await (const { n, data } of this.#chunks.find({ files_id: file._id }).sort({ n: 1 }))
      digester.update(await openChunk(key, { objectId: file._id, index: n, isLast: n === last }, bufferOf(data)));
    return digester.digests();
  }

  async #seal(file: ObjectFile, digests: ObjectDigests): Promise<void> {
    const metadata = { ...file.metadata, state: 'sealed' as const, plainLength: digests.bytes };
    const sealed: ObjectFile = { ...file, metadata: { ...metadata, sm3: digests.sm3, sha256: digests.sha256 } };
    const { header } = headerOf({ ...sealed, metadata: { ...sealed.metadata, mac: Buffer.alloc(0) } });
    const mac = await this.card.mac(headerDigest(header));
    const length = digests.bytes + chunkCount(digests.bytes) * (SEALED_CHUNK_BYTES - CHUNK_BYTES);
    this.#begun.delete(file._id);
    const { matchedCount } = await this.#files.updateOne(
      { _id: file._id, 'metadata.state': 'open' },
      { $set: { length, metadata: { ...sealed.metadata, mac } } },
    );
    if (matchedCount === 1) return;
    const { metadata: stored } = await this.#file(file._id);
    if (stored.sm3 !== digests.sm3)
      throw new SealfolioError('upload-offset', { objectId: file._id, reason: 'sealed with other bytes' });
  }

  async #opening(objectId: string): Promise<{ key: Buffer; stat: ObjectStat }> {
    const cached = this.#opened.get(objectId);
    if (cached !== undefined && cached.until > Date.now()) return cached;
    const file = await this.#file(objectId);
    if (file.metadata.state !== 'sealed') throw new SealfolioError('object-unfinished', { objectId });
    const { header, mac } = headerOf(file);
    if (!(await this.card.verifyMac(headerDigest(header), mac)))
      throw new SealfolioError('object-integrity', { objectId, layer: 'mac' });
    const key = await this.card.unwrapKey(header.wrappedKey, header.keyId);
    const { kind, mediaType, sm3, sha256 } = header;
    const opened = { key, stat: { objectId, kind, mediaType, bytes: header.length, sm3, sha256 } };
    if (this.#opened.size >= CACHE_SIZE) this.#opened.delete(this.#opened.keys().next().value!);
    this.#opened.set(objectId, { ...opened, until: Date.now() + CACHE_MS });
    return opened;
  }

  /** Reads ahead by one group: the database fetches the next while the pool opens this one. */
  async *#plain(key: Buffer, { objectId, bytes }: ObjectStat, start: number, end: number): AsyncGenerator<Buffer> {
    if (start === end) return;
    const [first, after, last] = [Math.floor(start / CHUNK_BYTES), chunkCount(end), chunkCount(bytes) - 1];
    let next = this.#group(objectId, first, after);
    for (let at = first; at < after; at += GROUP) {
      const group = await next;
      next = this.#group(objectId, at + GROUP, after);
      next.catch(() => {}); // awaited in its turn
      const opening = group.map(({ n, data }) =>
        openChunk(key, { objectId, index: n, isLast: n === last }, bufferOf(data)),
      );
      for (const plaintext of opening) plaintext.catch(() => {});
      for (const [i, plaintext] of opening.entries()) {
        const position = (at + i) * CHUNK_BYTES;
        yield (await plaintext).subarray(Math.max(0, start - position), end - position);
      }
    }
  }

  /** Up to GROUP chunks from `from` on; throws object-integrity if one is not there. */
  async #group(objectId: string, from: number, after: number): Promise<ChunkDocument[]> {
    const to = Math.min(from + GROUP, after);
    if (from >= to) return [];
    const group = await this.#chunks
      .find({ files_id: objectId, n: { $gte: from, $lt: to } })
      .sort({ n: 1 })
      .toArray();
    if (group.length !== to - from) throw new SealfolioError('object-integrity', { objectId, layer: 'length' });
    return group;
  }
}

function headerDigests(file: ObjectFile): ObjectDigests {
  const { header } = headerOf(file);
  return { bytes: header.length, sm3: header.sm3, sha256: header.sha256 };
}

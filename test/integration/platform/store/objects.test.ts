import { createHash, randomBytes } from 'node:crypto';
import { mongo } from 'mongoose';
import { sm3 } from '../../../../platform/crypto/index.ts';
import { openStore, type Store, traceDigest, type TraceEntry } from '../../../../platform/store/index.ts';
import { makeCard } from '../../../fixtures/card.ts';

const MiB = 1024 * 1024;
let made: Awaited<ReturnType<typeof makeCard>>;
let store: Store;
beforeAll(async () => {
  made = await makeCard();
  store = await openStore({ uri: process.env.TEST_MONGODB_URI!, db: 'store-objects' }, made.card);
});
afterAll(async () => {
  await store.connection.dropDatabase();
  await Promise.all([store, ...opened].map((one) => one.close()));
  made.close();
});

async function* pieces(data: Buffer, size = 100_000): AsyncGenerator<Buffer> {
  for (let at = 0; at < data.length; at += size) yield data.subarray(at, at + size);
}
const write = (data: Buffer) =>
  store.objects.write(pieces(data), { kind: 'original', mediaType: 'application/octet-stream' });
async function read(objectId: string, range?: { start: number; end: number }): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of await store.objects.read(objectId, range ?? null)) parts.push(part as Buffer);
  return Buffer.concat(parts);
}
const chunks = () => store.connection.collection('objects.chunks');
const files = () => store.connection.collection('objects.files');
/** A store that has nothing in its cache. */
async function fresh(): Promise<Store> {
  const other = await openStore({ uri: process.env.TEST_MONGODB_URI!, db: 'store-objects' }, made.card);
  opened.push(other);
  return other;
}
const opened: Store[] = [];

describe('a sealed object', () => {
  test.each([0, 1, MiB - 1, MiB, MiB + 1, 3 * MiB, 5 * MiB + 77])(
    '%i bytes come back as they went in',
    async (size) => {
      const data = randomBytes(size);
      const { objectId, bytes, sm3: digest, sha256 } = await write(data);
      expect({ bytes, digest, sha256 }).toEqual({
        bytes: size,
        digest: sm3(data).toString('hex'),
        sha256: createHash('sha256').update(data).digest('hex'),
      });
      expect((await read(objectId)).equals(data)).toBe(true);
    },
  );

  test('any range is the range', async () => {
    const data = randomBytes(4 * MiB + 12_345);
    const { objectId } = await write(data);
    const edges = [0, 1, MiB - 1, MiB, MiB + 1, 2 * MiB, 4 * MiB, data.length - 1, data.length];
    for (const start of edges)
      for (const end of edges.filter((edge) => edge >= start))
        expect((await read(objectId, { start, end })).equals(data.subarray(start, end))).toBe(true);
  });

  test('holds no plaintext', async () => {
    const data = Buffer.from('病案 '.repeat(1000));
    const { objectId } = await write(data);
    const stored = await chunks().findOne({ files_id: objectId });
    expect(Buffer.from((stored!.data as { buffer: Uint8Array }).buffer).includes('病案 病案')).toBe(false);
  });

  test('any GridFSBucket reads the sealed bytes', async () => {
    const { objectId, bytes } = await write(randomBytes(2 * MiB + 3));
    const bucket = new mongo.GridFSBucket(store.connection.db!, { bucketName: 'objects' });
    let sealed = 0;
    for await (const piece of bucket.openDownloadStream(objectId as never)) sealed += (piece as Buffer).length;
    expect(sealed).toBe(bytes + 3 * 16);
  });

  test.each([
    ['range-invalid', { start: 5, end: 3 }],
    ['range-invalid', { start: 0, end: 11 }],
    ['range-invalid', { start: -1, end: 3 }],
  ])('%s', async (code, range) => {
    const { objectId } = await write(Buffer.alloc(10));
    await expect(store.objects.read(objectId, range)).rejects.toMatchObject({ code });
  });

  test('object-not-found', async () => {
    await expect(store.objects.read('ob_nothing')).rejects.toMatchObject({ code: 'object-not-found' });
  });

  test('a source that breaks leaves nothing behind', async () => {
    const before = await files().countDocuments();
    async function* broken(): AsyncGenerator<Buffer> {
      yield randomBytes(2 * MiB);
      throw new Error('scanner unplugged');
    }
    const writing = store.objects.write(broken(), { kind: 'original', mediaType: 'image/png' });
    await expect(writing).rejects.toThrow('scanner unplugged');
    expect(await files().countDocuments()).toBe(before);
  });
});

describe('tampering is refused, and named', () => {
  const binary = (document: Record<string, unknown> | null) => (document!.data as { buffer: Buffer }).buffer;
  test.each<[string, object, (objectId: string) => Promise<unknown>]>([
    [
      'a flipped bit',
      { layer: 'chunk', index: 1 },
      async (objectId) => {
        const data = Buffer.from(binary(await chunks().findOne({ files_id: objectId, n: 1 })));
        data[77]! ^= 1;
        return chunks().updateOne({ files_id: objectId, n: 1 }, { $set: { data } });
      },
    ],
    [
      'two chunks swapped',
      { layer: 'chunk', index: 0 },
      async (objectId) => {
        const [a, b] = [
          await chunks().findOne({ files_id: objectId, n: 0 }),
          await chunks().findOne({ files_id: objectId, n: 1 }),
        ];
        await chunks().updateOne({ files_id: objectId, n: 0 }, { $set: { data: binary(b) } });
        return chunks().updateOne({ files_id: objectId, n: 1 }, { $set: { data: binary(a) } });
      },
    ],
    ['the last chunk gone', { layer: 'length' }, (objectId) => chunks().deleteOne({ files_id: objectId, n: 2 })],
    [
      'a shorter length in the header',
      { layer: 'mac' },
      (objectId) => files().updateOne({ _id: objectId as never }, { $set: { 'metadata.plainLength': 10 } }),
    ],
    [
      'another digest in the header',
      { layer: 'mac' },
      (objectId) => files().updateOne({ _id: objectId as never }, { $set: { 'metadata.sm3': '0'.repeat(64) } }),
    ],
  ])('%s', async (_name, data, tamper) => {
    const { objectId } = await write(randomBytes(2 * MiB + 500));
    await tamper(objectId);
    const other = await fresh();
    try {
      await expect(other.objects.readAll(objectId)).rejects.toMatchObject({ code: 'object-integrity', data });
    } finally {
    }
  });
});

describe('an object that comes in pieces', () => {
  const begin = (length: number) => store.objects.create({ kind: 'original', mediaType: 'image/png', length });

  test('goes on where it stopped; what does not fill a chunk is sent again', async () => {
    const data = randomBytes(3 * MiB + 9);
    const objectId = await begin(data.length);
    expect(await store.objects.append(objectId, 0, pieces(data.subarray(0, MiB + 500)))).toEqual({ offset: MiB });
    expect(await store.objects.offset(objectId)).toBe(MiB);
    expect(await store.objects.append(objectId, MiB, pieces(data.subarray(MiB)))).toEqual({ offset: data.length });
    expect(await store.objects.finish(objectId)).toMatchObject({ sm3: sm3(data).toString('hex') });
    expect((await read(objectId)).equals(data)).toBe(true);
  });

  test('in one go its digests are made on the way', async () => {
    const data = randomBytes(MiB + 1);
    const objectId = await begin(data.length);
    const { digests } = await store.objects.append(objectId, 0, pieces(data));
    expect(digests).toMatchObject({ bytes: data.length, sm3: sm3(data).toString('hex') });
    expect(await store.objects.finish(objectId, digests)).toEqual(digests);
    expect(await store.objects.finish(objectId)).toEqual(digests);
  });

  test.each<[string, (objectId: string) => Promise<unknown>]>([
    ['upload-offset', (objectId) => store.objects.append(objectId, MiB, pieces(Buffer.alloc(10)))],
    ['upload-length', (objectId) => store.objects.append(objectId, 0, pieces(Buffer.alloc(3 * MiB)))],
    ['object-unfinished', (objectId) => store.objects.finish(objectId)],
    ['object-unfinished', (objectId) => store.objects.read(objectId)],
  ])('%s', async (code, act) => {
    await expect(act(await begin(2 * MiB))).rejects.toMatchObject({ code });
  });
});

describe('the trace', () => {
  const event = (id: string) => ({
    actor: { type: 'user' as const, id, roles: ['auditor'] },
    action: 'archive.open' as const,
    object: { type: 'archive', id: 'ar_x' },
    result: 'allowed' as const,
    requestId: 'r',
  });

  test('is one chain without a gap, whoever writes; two processes seal by one key', async () => {
    const other = await fresh();
    const made = await Promise.all(
      [...Array(200).keys()].flatMap((i) => [store, other].map((one) => one.trace.append(event(`u${i}`)))),
    );
    expect(made.map(({ seq }) => seq).sort((a, b) => a - b)).toEqual([...Array(400).keys()].map((i) => i + 1));
    const rows = await store.models.TraceEntry.find().sort({ seq: 1 }).select('-_id').lean<TraceEntry[]>();
    const [seal, otherSeal] = [await store.trace.sealer(), await other.trace.sealer()];
    let previousHash = '0'.repeat(64);
    for (const row of rows) {
      expect(row.previousHash).toBe(previousHash);
      expect([seal(traceDigest(row)), otherSeal(traceDigest(row))]).toEqual([row.mac, row.mac]);
      previousHash = row.hash;
    }
  });

  test('names a patient by an id under a salt of their own, made once whoever asks first, and then known without the database', async () => {
    const others = await Promise.all([fresh(), fresh(), fresh()]);
    const everyone = [store, store, ...others, ...others];
    // All hold the key, so that nobody is late.
    await Promise.all(everyone.map(({ trace }) => trace.sealer()));
    const numbers = Array.from({ length: 20 }, (_, i) => `P${i}`);
    const ids = await Promise.all(
      numbers.map(async (no) => new Set(await Promise.all(everyone.map(({ trace }) => trace.patients.of(no))))),
    );
    expect(ids.map(({ size }) => size)).toEqual(numbers.map(() => 1));
    expect(new Set(ids.flatMap((of) => [...of])).size).toBe(numbers.length);
    const { PatientSalt } = store.models;
    expect(await PatientSalt.countDocuments()).toBe(numbers.length);

    const key = await store.trace.patients.saltKey('P1');
    await PatientSalt.deleteOne({ key });
    expect(ids[1]).toContain(await store.trace.patients.of('P1'));
    store.trace.patients.forget('P1');
    const next = await store.trace.patients.of('P1');
    expect(next).toMatch(/^pt_[0-9a-f]{32}$/);
    expect([...ids[1]!, await store.trace.patients.ofBefore('P1')]).not.toContain(next);
  });

  test('keeps nothing that tells a patient: neither the number nor an id is in what the salts are kept by', async () => {
    const id = await store.trace.patients.of('ZY-00001');
    const kept = JSON.stringify(await store.models.PatientSalt.find().lean());
    expect(kept).not.toContain('ZY-00001');
    expect(kept).not.toContain(id.slice('pt_'.length));
  });
});

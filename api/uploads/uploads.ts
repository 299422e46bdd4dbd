import type { IncomingMessage, ServerResponse } from 'node:http';
import { isSealfolioError, SealfolioError } from '../../domain/errors.ts';
import { BatchState, PartState } from '../../domain/status.ts';
import type { Batch, ObjectDigests, Part } from '../../platform/store/index.ts';
import type { ApiDeps } from '../deps.ts';
import { stationSeen } from '../batches/stations.ts';
import { codeOf, PROBLEMS } from '../problems.ts';
import { refuseIfFull } from '../system/disk.ts';
import { parseUploadId, uploadIdOf, UPLOADS_PATH } from './ids.ts';

export { UPLOADS_PATH } from './ids.ts';

/**
 * Resumable upload by the tus protocol 1.0 (creation, creation-with-upload): bytes go straight into a sealed object, so
 * nothing lies on a disk in clear. Kept are whole MiB; HEAD tells where to go on. The last byte brings the check against
 * the SM3 that was announced.
 */
export async function createUploads(deps: ApiDeps) {
  const { store, logger } = deps;
  // ES modules only; the rest of the api is loaded either way.
  const { DataStore, Server, Upload } = await import('@tus/server');
  const { Batch } = store.models;

  async function partOf(
    id: string,
  ): Promise<{ batch: Pick<Batch, 'batchId' | 'state' | 'sender' | 'scannerId'>; part: Part }> {
    const named = parseUploadId(id);
    const batch =
      named &&
      (await Batch.findOne(
        { batchId: named.batchId, 'parts.partNo': named.partNo },
        { batchId: 1, state: 1, sender: 1, scannerId: 1, 'parts.$': 1 },
      ).lean<Batch>());
    if (batch === null) throw new SealfolioError('batch-not-found', { upload: id });
    return { batch, part: batch.parts[0]! };
  }

  /** `isLast`: the write that the client is told of; those before it are durable with it. */
  const setPart = (
    { batchId }: Pick<Batch, 'batchId'>,
    { partNo }: Part,
    fields: Partial<Part>,
    { unset = [], isLast = true }: { unset?: (keyof Part)[]; isLast?: boolean } = {},
  ) =>
    Batch.updateOne(
      { batchId, 'parts.partNo': partNo },
      {
        $set: Object.fromEntries(Object.entries(fields).map(([name, value]) => [`parts.$.${name}`, value])),
        ...(unset.length > 0 && { $unset: Object.fromEntries(unset.map((name) => [`parts.$.${name}`, 1])) }),
      },
      isLast ? {} : { writeConcern: { w: 1, j: false } },
    );

  /** Seals a file whose bytes are all here, and says whether it is the announced one. Throws sm3-mismatch. */
  async function complete(
    batch: Pick<Batch, 'batchId'>,
    part: Part,
    objectId: string,
    digests?: ObjectDigests,
  ): Promise<void> {
    const { sm3 } = await store.objects.finish(objectId, digests);
    // Which object it is, once more: a database that was killed meanwhile has lost what was not yet durable.
    if (sm3 === part.sm3) return void (await setPart(batch, part, { objectId, state: PartState.received }));
    await store.objects.remove(objectId);
    const refusal = { code: 'sm3-mismatch', field: 'sm3', reason: `announced ${part.sm3}, is ${sm3}` };
    await setPart(batch, part, { state: PartState.refused, refusal }, { unset: ['objectId'] });
    throw new SealfolioError(refusal.code, { field: refusal.field, reason: refusal.reason });
  }

  class SealedDataStore extends DataStore {
    override extensions = ['creation', 'creation-with-upload'];

    override async create(upload: InstanceType<typeof Upload>): Promise<InstanceType<typeof Upload>> {
      const { batch, part } = await partOf(upload.id);
      if (batch.state !== BatchState.receiving)
        throw new SealfolioError('batch-closed', { field: 'batchId', reason: batch.state });
      if (upload.size !== part.bytes)
        throw new SealfolioError('upload-length', { field: 'Upload-Length', reason: `announced ${part.bytes}` });
      if (part.state === PartState.received)
        throw new SealfolioError('batch-closed', { field: 'partNo', reason: 'the file is here' });
      await refuseIfFull(deps);
      if (part.objectId !== undefined) await store.objects.remove(part.objectId);
      const { mediaType, bytes } = part;
      const objectId = await store.objects.create({ kind: 'original', mediaType, length: bytes });
      await setPart(batch, part, { objectId, state: PartState.receiving }, { unset: ['refusal'], isLast: false });
      return upload;
    }

    override async write(source: NodeJS.ReadableStream, id: string, offset: number): Promise<number> {
      const { batch, part } = await partOf(id);
      await refuseIfFull(deps);
      await stationSeen(deps, batch);
      if (part.objectId === undefined) throw new SealfolioError('upload-offset', { upload: id, reason: 'not begun' });
      const { offset: at, digests } = await store.objects.append(
        part.objectId,
        offset,
        source as AsyncIterable<Buffer>,
      );
      if (at === part.bytes) await complete(batch, part, part.objectId, digests);
      return at;
    }

    override async getUpload(id: string): Promise<InstanceType<typeof Upload>> {
      const { batch, part } = await partOf(id);
      const isHere = part.state === PartState.received || part.state === PartState.accepted;
      const offset = isHere ? part.bytes : part.objectId === undefined ? 0 : await store.objects.offset(part.objectId);
      // All bytes are here, and whoever took the last of them was killed before it said so: nobody will send more.
      if (!isHere && part.objectId !== undefined && offset === part.bytes) await complete(batch, part, part.objectId);
      return new Upload({ id, size: part.bytes, offset, metadata: {} });
    }
  }

  const server = new Server({
    path: `/api/v1${UPLOADS_PATH}`,
    datastore: new SealedDataStore(),
    relativeLocation: true,
    namingFunction: (_request, metadata) => {
      const [batchId, partNo] = [metadata?.batchId ?? '', Number(metadata?.partNo)];
      const id = uploadIdOf(batchId, partNo);
      if (parseUploadId(id) === null)
        throw new SealfolioError('batch-not-found', { field: 'Upload-Metadata', reason: 'batchId and partNo' });
      return id;
    },
    onResponseError: (_request, error) => {
      // The library's own refusals are no errors, but { status_code, body }.
      if (!(error instanceof Error) && !isSealfolioError(error)) return undefined;
      const { code, data } = codeOf(error);
      const { status, zh, en } = PROBLEMS[code] ?? PROBLEMS.internal!;
      if (status >= 500) logger.error({ code, err: error }, 'upload failed');
      const type = `urn:sealfolio:problem:${code}`;
      return { status_code: status, body: JSON.stringify({ type, title: zh, status, code, detail: { zh, en }, data }) };
    },
  });
  return { handle: (request: IncomingMessage, response: ServerResponse) => server.handle(request, response) };
}

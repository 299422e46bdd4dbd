import { z } from 'zod';
import { SealfolioError } from '../../domain/errors.ts';
import type { Batch } from '../../platform/store/index.ts';
import type { ApiDeps } from '../deps.ts';
import { decodeCursor, encodeCursor } from '../pagination.ts';
import { type Actor, type Route, route } from '../route.ts';
import { traced } from '../traced.ts';
import { UPLOADS_PATH, uploadIdOf } from '../uploads/ids.ts';
import { commitBatch } from './commit.ts';
import { correctParked, dischargeVisit } from './parking.ts';
import { batchesOf, batchFilter } from './list.ts';
import { registerBatch } from './register.ts';
import { registerRetry, retrySchema } from './retry.ts';
import { stationSeen } from './stations.ts';
import { batchIdSchema, batchSchema, diedSchema, parkedSchema, registrationSchema, text } from './schemas.ts';
import { withdrawBatch } from './withdraw.ts';

const params = z.object({ batchId: batchIdSchema });

/** Whoever looks at batches need not be one who may know whose they are. */
const shownTo = ({ id, permissions }: Actor, batch: Batch) => ({
  ...shown(batch),
  ...((batch.sender === id || permissions.includes('archive:read')) && whose(batch)),
});

const whose = ({ visit, corrected, withdrawn }: Batch) => ({
  ...(visit !== undefined && { visit }),
  ...(corrected !== undefined && { corrected: corrected.map(({ at, ...one }) => ({ ...one, at: at.toISOString() })) }),
  ...(withdrawn !== undefined && { withdrawn: { ...withdrawn, at: withdrawn.at.toISOString() } }),
});

const shown = ({
  batchId,
  archiveId,
  sender,
  scannerId,
  isLate = false,
  retryOf,
  retried = [],
  isRetried = false,
  state,
  createdAt,
  committedAt,
  version,
  parts,
}: Batch) => ({
  batchId,
  archiveId,
  sender,
  ...(scannerId !== undefined && { scannerId }),
  isLate,
  ...(retryOf !== undefined && { retryOf }),
  isRetried,
  state,
  createdAt: createdAt.toISOString(),
  ...(committedAt !== undefined && { committedAt: committedAt.toISOString() }),
  ...(version !== undefined && { version }),
  parts: parts.map(({ partNo, fileName, mediaType, documentType, bytes, pageCount, state: partState, refusal }) => ({
    partNo,
    fileName,
    mediaType,
    documentType,
    bytes,
    pageCount,
    state: partState,
    uploadUrl: `/api/v1${UPLOADS_PATH}/${uploadIdOf(batchId, partNo)}`,
    ...(refusal !== undefined && { refusal }),
    ...retriedBy(retried, partNo),
  })),
});

function retriedBy(retried: NonNullable<Batch['retried']>, partNo: number): { retriedBy?: string } {
  const by = retried.find((one) => one.partNo === partNo);
  return by === undefined ? {} : { retriedBy: by.batchId };
}

export function batchRoutes(deps: ApiDeps): Route[] {
  const { Batch } = deps.store.models;
  return [
    route({
      method: 'post',
      path: '/batches',
      permission: 'batch:write',
      summary: 'Register a batch of files of one visit',
      body: registrationSchema,
      answer: batchSchema,
      status: 201,
      async handle({ body, response, ...call }) {
        const { batchId, died } = body;
        const details = died === undefined ? {} : { details: { died } };
        await traced(deps.store, call, 'batch.register', { type: 'batch', id: batchId }, details);
        await stationSeen(deps, { sender: call.actor.id, ...body });
        const { batch, isNew } = await registerBatch(deps, body, call.actor.id);
        if (!isNew) response.locals.status = 200;
        return shownTo(call.actor, batch);
      },
    }),
    route({
      method: 'post',
      path: '/batches/{batchId}/commit',
      permission: 'batch:write',
      summary: 'All files are sent: begin archiving',
      params,
      answer: batchSchema,
      status: 202,
      async handle({ params: { batchId }, response, ...call }) {
        await traced(deps.store, call, 'batch.commit', { type: 'batch', id: batchId });
        const batch = await commitBatch(deps, batchId, call.actor);
        await stationSeen(deps, batch);
        if (batch.visit === undefined) response.location(`/api/v1/archives/${batch.archiveId}`);
        return shownTo(call.actor, batch);
      },
    }),
    route({
      method: 'post',
      path: '/batches/{batchId}/discharge',
      permission: 'batch:write',
      summary: 'The visit of a batch has ended: all that waits of it is archived',
      params,
      body: z.strictObject({ dischargedAt: z.iso.datetime(), died: diedSchema.optional() }),
      answer: batchSchema,
      async handle({ params: { batchId }, body, ...call }) {
        const details = body.died === undefined ? {} : { details: { died: body.died } };
        await traced(deps.store, call, 'batch.discharge', { type: 'batch', id: batchId }, details);
        return shownTo(call.actor, await dischargeVisit(deps, batchId, body, call.actor));
      },
    }),
    route({
      method: 'put',
      path: '/batches/{batchId}/visit',
      permission: 'batch:write',
      summary: 'Correct whose files wait, of a visit that has not ended',
      params,
      body: parkedSchema,
      answer: batchSchema,
      async handle({ params: { batchId }, body: { reason, ...visit }, ...call }) {
        const object = { type: 'batch', id: batchId } as const;
        const batch = await correctParked(deps, batchId, visit, { actor: call.actor, reason }, (fields) =>
          traced(deps.store, call, 'batch.correct', object, { reason, details: { fields } }),
        );
        return shownTo(call.actor, batch);
      },
    }),
    route({
      method: 'post',
      path: '/batches/{batchId}/withdraw',
      permission: 'batch:write',
      summary: 'Withdraw a batch of which nothing is in an archive yet; its files are removed',
      params,
      body: z.strictObject({ reason: text(200) }),
      answer: batchSchema,
      async handle({ params: { batchId }, body: { reason }, ...call }) {
        await traced(deps.store, call, 'batch.withdraw', { type: 'batch', id: batchId }, { reason });
        return shownTo(call.actor, await withdrawBatch(deps, batchId, reason, call.actor));
      },
    }),
    route({
      method: 'post',
      path: '/batches/{batchId}/retry',
      permission: 'batch:write',
      summary: 'Register what was refused of a batch once more, alone, as a batch of its own',
      params,
      body: retrySchema,
      answer: batchSchema,
      status: 201,
      async handle({ params: { batchId }, body, response, ...call }) {
        await traced(deps.store, call, 'batch.retry', { type: 'batch', id: batchId }, { reason: body.reason });
        await stationSeen(deps, { sender: call.actor.id, ...body });
        const { batch, isNew } = await registerRetry(deps, batchId, body, call.actor);
        if (!isNew) response.locals.status = 200;
        return shown(batch);
      },
    }),
    route({
      method: 'get',
      path: '/batches/{batchId}',
      permission: 'batch:read',
      trace: 'batch.open',
      summary: 'A batch and the state of each file',
      params,
      answer: batchSchema,
      async handle({ params: { batchId }, actor }) {
        const batch = await Batch.findOne({ batchId }).lean<Batch>();
        if (batch === null) throw new SealfolioError('batch-not-found', { batchId });
        return shownTo(actor, batch);
      },
    }),
    route({
      method: 'get',
      path: '/batches',
      permission: 'batch:read',
      trace: 'batch.search',
      summary: 'Batches, newest first',
      query: batchFilter.extend({
        cursor: z.string().max(200).optional(),
        limit: z.coerce.number().int().min(1).max(100).default(20),
      }),
      answer: z.object({ items: z.array(batchSchema), nextCursor: z.string().nullable() }),
      async handle({ query: { cursor, limit, ...filter }, actor }) {
        const after = cursor === undefined ? null : decodeCursor(cursor);
        const found = await Batch.find({
          ...batchesOf(filter),
          ...(after !== null && {
            $or: [{ createdAt: { $lt: after.at } }, { createdAt: after.at, _id: { $lt: after.id } }],
          }),
        })
          .sort({ createdAt: -1, _id: -1 })
          .limit(limit + 1)
          .lean<(Batch & { _id: { toString(): string } })[]>();
        const items = found.slice(0, limit);
        const last = items.at(-1);
        const hasMore = found.length > limit && last !== undefined;
        return {
          items: items.map((batch) => shownTo(actor, batch)),
          nextCursor: hasMore ? encodeCursor({ at: last.createdAt, id: last._id.toString() }) : null,
        };
      },
    }),
  ];
}

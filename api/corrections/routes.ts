import { z } from 'zod';
import { SealfolioError } from '../../domain/errors.ts';
import type { Correction } from '../../platform/store/index.ts';
import { archiveOf } from '../archives/find.ts';
import { reason } from '../catalog/schemas.ts';
import type { ApiDeps } from '../deps.ts';
import { decodeCursor, encodeCursor } from '../pagination.ts';
import { type Route, route } from '../route.ts';
import { Corrections } from './correct.ts';
import { shownCorrection, wantedCorrection } from './schemas.ts';
import { correctionsShown } from './shown.ts';

const params = z.object({ archiveId: z.string().regex(/^ar_[a-z0-9]{1,40}$/) });
const one = params.extend({ correction: z.coerce.number().int().min(1).max(1_000_000) });
const MAX_LIST = 100;

/** 更正: what an archive was registered with, put right. */
export function correctionRoutes(deps: ApiDeps): Route[] {
  const { store } = deps;
  const { Correction } = store.models;
  const corrections = new Corrections(deps);

  return [
    route({
      method: 'get',
      path: '/corrections',
      permission: 'correction:decide',
      trace: 'correction.search',
      summary: 'Corrections that wait for a decision, the oldest first',
      query: z.object({
        cursor: z.string().max(200).optional(),
        limit: z.coerce.number().int().min(1).max(MAX_LIST).default(20),
      }),
      answer: z.object({ items: z.array(shownCorrection), nextCursor: z.string().nullable() }),
      async handle({ query: { cursor, limit } }) {
        const place = cursor === undefined ? null : decodeCursor(cursor);
        const after =
          place === null ? {} : { $or: [{ at: place.at, _id: { $gt: place.id } }, { at: { $gt: place.at } }] };
        const found = await Correction.find({ state: 'proposed', ...after })
          .sort({ at: 1, _id: 1 })
          .limit(limit + 1)
          .lean<(Correction & { _id: { toString(): string } })[]>();
        const rows = found.slice(0, limit);
        const last = found.length > limit ? rows.at(-1)! : null;
        return {
          items: await correctionsShown(store, rows),
          nextCursor: last === null ? null : encodeCursor({ at: last.at, id: last._id.toString() }),
        };
      },
    }),
    route({
      method: 'get',
      path: '/archives/{archiveId}/corrections',
      permission: 'archive:read',
      trace: 'correction.open',
      summary: 'Corrections of what it was registered with, newest first, with the values before and after',
      params,
      answer: z.object({ items: z.array(shownCorrection) }),
      async handle({ params: { archiveId } }) {
        await archiveOf(store, archiveId);
        const found = await Correction.find({ archiveId }).sort({ correction: -1 }).limit(1000).lean<Correction[]>();
        return { items: await correctionsShown(store, found) };
      },
    }),
    route({
      method: 'post',
      path: '/archives/{archiveId}/corrections',
      permission: 'correction:write',
      summary:
        'Correct what it was registered with, from what was looked at (`base`): at once while it is taken in, else once another person approves. Pages, digests and receipts stay',
      params,
      body: wantedCorrection,
      answer: shownCorrection,
      status: 201,
      handle: ({ params: { archiveId }, body, ...call }) => corrections.propose(archiveId, body, call),
    }),
    route({
      method: 'post',
      path: '/archives/{archiveId}/corrections/{correction}/approve',
      permission: 'correction:decide',
      summary: 'Put one that waits in force; not one’s own',
      params: one,
      body: z.strictObject({}),
      answer: shownCorrection,
      handle: ({ params: { archiveId, correction }, ...call }) => corrections.approve(archiveId, correction, call),
    }),
    route({
      method: 'post',
      path: '/archives/{archiveId}/corrections/{correction}/refuse',
      permission: 'correction:decide',
      summary: 'Refuse one that waits',
      params: one,
      body: z.strictObject({ reason }),
      answer: shownCorrection,
      handle: ({ params: { archiveId, correction }, body, ...call }) =>
        corrections.refuse(archiveId, correction, body.reason, call),
    }),
    route({
      method: 'post',
      path: '/archives/{archiveId}/corrections/{correction}/withdraw',
      permission: 'correction:write',
      summary: 'Withdraw one that waits; one’s own only',
      params: one,
      body: z.strictObject({}),
      answer: shownCorrection,
      handle: ({ params: { archiveId, correction }, ...call }) => corrections.withdraw(archiveId, correction, call),
    }),
    route({
      method: 'get',
      path: '/archives/{archiveId}/corrections/{correction}/proof',
      permission: 'archive:read',
      trace: 'correction.proof',
      summary: 'What was signed and attested of a correction, its salt, and its place in the ledger',
      params: one,
      answer: z.object({ manifest: z.unknown(), salt: z.string(), signature: z.string(), ledger: z.unknown() }),
      async handle({ params: { archiveId, correction } }) {
        await archiveOf(store, archiveId);
        const found = await Correction.findOne({ archiveId, correction }).lean<Correction>();
        if (found?.attestation === undefined) throw new SealfolioError('receipt-not-found', { archiveId, correction });
        const { manifest, salt, signature, attestation } = found;
        return {
          manifest,
          salt,
          signature,
          ledger: await deps.ledger.receipt(attestation.txId, attestation.indexInTx),
        };
      },
    }),
  ];
}

import { z } from 'zod';
import type { Correction } from '../../platform/store/index.ts';
import { archiveOf } from '../archives/find.ts';
import { reason } from '../catalog/schemas.ts';
import type { ApiDeps } from '../deps.ts';
import { type Route, route } from '../route.ts';
import { proofOf, shownProof, waitingPage, waitingQuery } from './asked.ts';
import { Corrections } from './correct.ts';
import { shownCorrection, wantedCorrection } from './schemas.ts';
import { correctionsShown } from './shown.ts';

const params = z.object({ archiveId: z.string().regex(/^ar_[a-z0-9]{1,40}$/) });
const one = params.extend({ correction: z.coerce.number().int().min(1).max(1_000_000) });

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
      query: waitingQuery,
      answer: z.object({ items: z.array(shownCorrection), nextCursor: z.string().nullable() }),
      async handle({ query }) {
        const { rows, nextCursor } = await waitingPage(Correction, query);
        return { items: await correctionsShown(store, rows), nextCursor };
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
      answer: shownProof,
      async handle({ params: { archiveId, correction } }) {
        await archiveOf(store, archiveId);
        const found = await Correction.findOne({ archiveId, correction }).lean<Correction>();
        return proofOf(deps, found, { archiveId, correction });
      },
    }),
  ];
}

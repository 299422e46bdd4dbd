import { z } from 'zod';
import { SealfolioError } from '../../domain/errors.ts';
import { allNumbersOf, type PatientMerge } from '../../platform/store/index.ts';
import { archiveOf } from '../archives/find.ts';
import { text } from '../batches/schemas.ts';
import { reason } from '../catalog/schemas.ts';
import { proofOf, shownProof, waitingPage, waitingQuery } from '../corrections/asked.ts';
import type { ApiDeps } from '../deps.ts';
import { type Route, route } from '../route.ts';
import { PatientMerges } from './merge.ts';
import { mergesShown, shownMerge } from './shown.ts';

const ofArchive = z.object({ archiveId: z.string().regex(/^ar_[a-z0-9]{1,40}$/) });
const params = z.object({ mergeId: z.string().regex(/^mg_[a-z0-9]{1,40}$/) });
const MAX_LIST = 100;

/** 患者合并: that two 病案号 are one person, and 拆分, that they are not. */
export function mergeRoutes(deps: ApiDeps): Route[] {
  const { store } = deps;
  const { PatientMerge } = store.models;
  const merges = new PatientMerges(deps);

  return [
    route({
      method: 'get',
      path: '/merges',
      permission: 'correction:decide',
      trace: 'merge.search',
      summary: 'Merges and splits that wait for a decision, the oldest first',
      query: waitingQuery,
      answer: z.object({ items: z.array(shownMerge), nextCursor: z.string().nullable() }),
      async handle({ query }) {
        const { rows, nextCursor } = await waitingPage(PatientMerge, query);
        return { items: await mergesShown(store, rows), nextCursor };
      },
    }),
    route({
      method: 'get',
      path: '/archives/{archiveId}/merges',
      permission: 'archive:read',
      trace: 'merge.open',
      summary: 'Merges and splits of the numbers of its patient, newest first',
      params: ofArchive,
      answer: z.object({ items: z.array(shownMerge) }),
      async handle({ params: { archiveId } }) {
        const { patientNo } = await archiveOf(store, archiveId);
        const numbers = await allNumbersOf(store.models, [patientNo]);
        const found = await PatientMerge.find({
          $or: [{ retired: { $in: numbers } }, { surviving: { $in: numbers } }],
        })
          .sort({ at: -1 })
          .limit(MAX_LIST)
          .lean<PatientMerge[]>();
        return { items: await mergesShown(store, found) };
      },
    }),
    route({
      method: 'post',
      path: '/archives/{archiveId}/merges',
      permission: 'correction:write',
      summary:
        'Merge its patient number (原病案号) into another (现病案号), once another person approves. Archives keep the number that they were sealed under, and are found by either',
      params: ofArchive,
      body: z.strictObject({ surviving: text(64), reason }),
      answer: shownMerge,
      status: 201,
      handle: ({ params: { archiveId }, body, ...call }) =>
        merges.merge(archiveId, body.surviving.trim(), body.reason, call),
    }),
    route({
      method: 'post',
      path: '/merges/{mergeId}/split',
      permission: 'correction:write',
      summary: 'Split (拆分) what this merge has brought together, once another person approves',
      params,
      body: z.strictObject({ reason }),
      answer: shownMerge,
      status: 201,
      handle: ({ params: { mergeId }, body, ...call }) => merges.split(mergeId, body.reason, call),
    }),
    route({
      method: 'post',
      path: '/merges/{mergeId}/approve',
      permission: 'correction:decide',
      summary: 'Put one that waits in force; not one’s own',
      params,
      body: z.strictObject({}),
      answer: shownMerge,
      handle: ({ params: { mergeId }, ...call }) => merges.approve(mergeId, call),
    }),
    route({
      method: 'post',
      path: '/merges/{mergeId}/refuse',
      permission: 'correction:decide',
      summary: 'Refuse one that waits',
      params,
      body: z.strictObject({ reason }),
      answer: shownMerge,
      handle: ({ params: { mergeId }, body, ...call }) => merges.refuse(mergeId, body.reason, call),
    }),
    route({
      method: 'post',
      path: '/merges/{mergeId}/withdraw',
      permission: 'correction:write',
      summary: 'Withdraw one that waits; one’s own only',
      params,
      body: z.strictObject({}),
      answer: shownMerge,
      handle: ({ params: { mergeId }, ...call }) => merges.withdraw(mergeId, call),
    }),
    route({
      method: 'get',
      path: '/merges/{mergeId}/proof',
      permission: 'archive:read',
      trace: 'merge.proof',
      summary: 'What was signed and attested of a merge, its salt, and its place in the ledger',
      params,
      answer: shownProof,
      async handle({ params: { mergeId } }) {
        const found = await PatientMerge.findOne({ mergeId }).lean<PatientMerge>();
        if (found === null) throw new SealfolioError('merge-not-found', { mergeId });
        return proofOf(deps, found, { mergeId });
      },
    }),
  ];
}

import { z } from 'zod';
import { SealfolioError } from '../../domain/errors.ts';
import { Place, Purpose, Right } from '../../domain/loan/policy.ts';
import { LoanState } from '../../domain/loan/state.ts';
import { takeVolume } from '../../platform/store/index.ts';
import { traced } from '../traced.ts';
import { text } from '../batches/schemas.ts';
import type { ApiDeps } from '../deps.ts';
import { type Route, route } from '../route.ts';
import { applicationIdOf, Applications, type ItemResult, type Request } from './apply.ts';
import { keyOf, loanCalls, loanObject, refusalShown } from './calls.ts';
import { requireScope, scope } from './scope.ts';
import { loanParams, withNames } from './shown.ts';

const archiveId = z.string().regex(/^ar_[a-z0-9]{1,40}$/);
const nodes = z.array(z.int().min(0).max(10_000)).min(1).max(200).optional();
/** Beyond any policy's own limit. */
const MAX_ARCHIVES = 500;
const wish = z.strictObject({
  purpose: z.enum(Purpose),
  reason: text(500),
  place: z.enum(Place).default('online'),
  days: z.int().min(1).max(365),
  rights: z
    .array(z.enum(Right))
    .min(1)
    .max(3)
    .refine((rights) => rights.includes('view'), 'holds view'),
  emergency: z.boolean().default(false),
  startAt: z.iso.datetime({ offset: true }).optional(),
});
const taskId = z.string().regex(/^(t\d{1,9}|none)$/);
const reason = text(500);
const refusal = z.object({
  code: z.string(),
  detail: z.object({ zh: z.string(), en: z.string() }),
  data: z.record(z.string(), z.unknown()),
});

/** Borrowing and deciding: each an act on the loan's workflow. */
export function loanRoutes(deps: ApiDeps): Route[] {
  const { store } = deps;
  const { Loan } = store.models;
  const applications = new Applications(deps);
  const { find, answer, act, review } = loanCalls(deps);
  const requestOf = ({ startAt, ...rest }: z.infer<typeof wish>): Request => ({
    ...rest,
    rights: [...new Set(rest.rights)],
    ...(startAt !== undefined && { startAt: Date.parse(startAt) }),
  });

  const itemOf = (result: ItemResult) =>
    'loan' in result
      ? { archiveId: result.archiveId, loanId: result.loan.loanId, state: result.loan.state }
      : { archiveId: result.archiveId, refusal: refusalShown(result.refusal) };

  return [
    route({
      method: 'post',
      path: '/loans',
      permission: 'loan:apply',
      summary: 'Apply for archives; a result for each',
      body: wish.extend({
        archives: z
          .array(z.strictObject({ archiveId, nodes }))
          .min(1)
          .max(MAX_ARCHIVES)
          .refine((all) => new Set(all.map((one) => one.archiveId)).size === all.length, 'names an archive twice'),
        draft: z.boolean().default(false),
      }),
      answer: z.object({
        applicationId: z.string(),
        results: z.array(
          z.object({
            archiveId: z.string(),
            loanId: z.string().optional(),
            state: z.enum(LoanState).optional(),
            refusal: refusal.optional(),
          }),
        ),
      }),
      status: 201,
      async handle({ body: { archives, draft, ...rest }, ...call }) {
        const { id } = call.actor;
        const applicationId = applicationIdOf(id, keyOf(call));
        await traced(
          store,
          call,
          'loan.apply',
          { type: 'loanApplication', id: applicationId },
          { details: { archives: archives.map(({ archiveId }) => archiveId) } },
        );
        const results = await applications.apply(id, applicationId, archives, requestOf(rest), draft);
        return { applicationId, results: results.map(itemOf) };
      },
    }),
    route({
      method: 'post',
      path: '/loans/{loanId}/submit',
      permission: 'loan:apply',
      summary: 'Hand in a draft, or again what was sent back, as it is edited',
      params: loanParams,
      body: wish.extend({ nodes }),
      answer: withNames,
      async handle({ params: { loanId: id }, body: { nodes: only, ...rest }, ...call }) {
        const { row } = await find(id, call);
        if (row.applicant !== call.actor.id) throw new SealfolioError('loan-not-borrower');
        const request = await applications.scoped(row.archiveId, requestOf(rest), only);
        const levels = await applications.check(row, request);
        if (row.state !== 'draft') {
          await takeVolume(store.models, id, { archiveId: row.archiveId, request });
          return act(id, { act: 'submit', by: call.actor.id, request, levels }, call);
        }
        await traced(store, call, 'loan.submit', loanObject(id));
        return answer(await applications.submit(row, request, levels));
      },
    }),
    route({
      method: 'delete',
      path: '/loans/{loanId}',
      permission: 'loan:apply',
      summary: 'Throw a draft away',
      params: loanParams,
      async handle({ params: { loanId: id }, ...call }) {
        const draft = { loanId: id, applicant: call.actor.id, state: 'draft' } as const;
        if ((await Loan.exists(draft)) === null) throw new SealfolioError('loan-not-found', { loanId: id });
        await traced(store, call, 'loan.discard', loanObject(id));
        await Loan.deleteOne(draft);
      },
    }),
    ...(['claim', 'release'] as const).map((what) =>
      route({
        method: 'post',
        path: `/loans/{loanId}/${what}`,
        permission: 'loan:decide',
        summary: what === 'claim' ? 'Take the task, so that others leave it' : 'Leave the task to others again',
        params: loanParams,
        body: z.strictObject({ taskId }),
        answer: withNames,
        handle: ({ params: { loanId: id }, body, ...call }) => review(id, { act: what, ...body }, call),
      }),
    ),
    route({
      method: 'post',
      path: '/loans/{loanId}/approve',
      permission: 'loan:decide',
      summary: 'Approve: as asked, for fewer days, with fewer rights, fewer branches of the catalogue, on conditions',
      params: loanParams,
      body: z.strictObject({
        taskId,
        days: z.int().min(1).max(365).optional(),
        rights: z.array(z.enum(Right)).min(1).max(3).optional(),
        scope: scope.optional(),
        conditions: text(500).optional(),
      }),
      answer: withNames,
      async handle({ params: { loanId: id }, body, ...call }) {
        if (body.scope !== undefined) await requireScope(store, (await find(id, call)).row.archiveId, body.scope);
        return review(id, { act: 'approve', ...body }, call);
      },
    }),
    ...(
      [
        ['refuse', 'refuse', 'Refuse, with the reason'],
        ['send-back', 'sendBack', 'Send back to be edited, with the reason'],
      ] as const
    ).map(([path, what, summary]) =>
      route({
        method: 'post',
        path: `/loans/{loanId}/${path}`,
        permission: 'loan:decide',
        summary,
        params: loanParams,
        body: z.strictObject({ taskId, reason }),
        answer: withNames,
        handle: ({ params: { loanId: id }, body, ...call }) => review(id, { act: what, ...body }, call),
      }),
    ),
    ...(['withdraw', 'start'] as const).map((what) =>
      route({
        method: 'post',
        path: `/loans/{loanId}/${what}`,
        permission: 'loan:apply',
        summary: what === 'withdraw' ? 'Take the application back' : 'Begin to read: the term runs from now',
        params: loanParams,
        answer: withNames,
        async handle({ params: { loanId: id }, ...call }) {
          await find(id, call);
          return act(id, { act: what, by: call.actor.id }, call);
        },
      }),
    ),
    route({
      method: 'post',
      path: '/loans/{loanId}/renewals',
      permission: 'loan:apply',
      summary: 'Ask for a renewal, before the loan is due',
      params: loanParams,
      body: z.strictObject({ days: z.int().min(1).max(365), reason }),
      answer: withNames,
      async handle({ params: { loanId: id }, body, ...call }) {
        await find(id, call);
        return act(id, { act: 'renew', by: call.actor.id, ...body }, call);
      },
    }),
    route({
      method: 'post',
      path: '/loans/{loanId}/return',
      permission: 'loan:read',
      summary: 'Return early, or confirm that it is back (records room)',
      params: loanParams,
      body: z.strictObject({ reason: reason.optional() }),
      answer: withNames,
      async handle({ params: { loanId: id }, body, ...call }) {
        const { row, powers } = await find(id, call);
        const isArchivist = powers.manages && row.applicant !== call.actor.id;
        const cause = isArchivist ? 'archivist' : 'borrower';
        return act(id, { act: 'return', by: call.actor.id, cause, ...body }, call);
      },
    }),
    route({
      method: 'post',
      path: '/loans/{loanId}/recall',
      permission: 'loan:manage',
      summary: 'Recall it now, with the reason',
      params: loanParams,
      body: z.strictObject({ reason }),
      answer: withNames,
      async handle({ params: { loanId: id }, body, ...call }) {
        await find(id, call);
        return act(id, { act: 'recall', by: call.actor.id, ...body }, call);
      },
    }),
  ];
}

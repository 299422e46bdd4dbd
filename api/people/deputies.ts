import { ulid } from 'ulid';
import { z } from 'zod';
import { isAdministrator } from '../../domain/access.ts';
import { SealfolioError } from '../../domain/errors.ts';
import { deputyFault, isActing } from '../../domain/people.ts';
import type { Deputy, Store, User } from '../../platform/store/index.ts';
import { traced } from '../traced.ts';
import { text } from '../batches/schemas.ts';
import type { ApiDeps } from '../deps.ts';
import { type Call, type Route, route } from '../route.ts';
import { displayNames } from './names.ts';
import { shownDeputy, username } from './schemas.ts';

const deputyId = z.string().regex(/^de_[a-z0-9]{1,40}$/);
const params = z.object({ deputyId });
const term = z.strictObject({
  deputy: username,
  from: z.iso.datetime({ offset: true }),
  to: z.iso.datetime({ offset: true }),
  reason: text(200).optional(),
});
type Term = z.infer<typeof term>;
const answer = z.object({ items: z.array(shownDeputy) });

async function shownList(store: Store, found: readonly Deputy[]): Promise<z.infer<typeof shownDeputy>[]> {
  const names = await displayNames(
    store,
    found.flatMap(({ principal, deputy }) => [principal, deputy]),
  );
  const person = (name: string) => ({ username: name, displayName: names[name] ?? name });
  const now = new Date();
  return found.map((one) => ({
    deputyId: one.deputyId,
    principal: person(one.principal),
    deputy: person(one.deputy),
    from: one.from.toISOString(),
    to: one.to.toISOString(),
    reason: one.reason,
    state: isActing(one, now) ? 'acting' : one.endedAt === undefined && one.from > now ? 'coming' : 'ended',
  }));
}

/** 代理: a person names who decides in their absence; securityAdmin may do it for them, and end it. */
export function deputyRoutes({ store }: ApiDeps): Route[] {
  const { Deputy, User } = store.models;

  async function name(
    principal: string,
    { deputy, from, to, reason = '' }: Term,
    call: Pick<Call<0, 0, 0>, 'actor' | 'requestId'>,
  ) {
    const made = { principal, deputy, from: new Date(from), to: new Date(to) };
    const fault = deputyFault(made, new Date());
    if (fault !== null)
      throw new SealfolioError('deputy-invalid', { field: fault === 'self' ? 'deputy' : 'to', reason: fault });
    const people = await User.find({ username: { $in: [principal, deputy] }, disabled: false }).lean<User[]>();
    if (people.length < 2) throw new SealfolioError('user-not-found', { field: 'deputy' });
    if (people.some(({ roles }) => isAdministrator(roles)))
      throw new SealfolioError('deputy-invalid', { field: 'deputy', reason: 'administrator' });
    const kept = { ...made, deputyId: `de_${ulid().toLowerCase()}`, reason };
    await traced(store, call, 'deputy.name', { type: 'deputy', id: kept.deputyId }, { details: { principal, deputy } });
    await Deputy.create({ ...kept, createdBy: call.actor.id, createdAt: new Date() });
    return (await shownList(store, [{ ...kept, createdBy: call.actor.id, createdAt: new Date() }]))[0]!;
  }

  async function end(filter: object, call: Pick<Call<0, 0, 0>, 'actor' | 'requestId'>): Promise<void> {
    const found = await Deputy.findOne(filter).lean<Deputy>();
    if (found === null) throw new SealfolioError('deputy-not-found');
    await traced(store, call, 'deputy.end', { type: 'deputy', id: found.deputyId });
    await Deputy.updateOne(
      { deputyId: found.deputyId, endedAt: { $exists: false } },
      { $set: { endedAt: new Date() } },
    );
  }

  const list = async (filter: object) => ({
    items: await shownList(store, await Deputy.find(filter).sort({ from: -1 }).limit(200).lean<Deputy[]>()),
  });

  return [
    route({
      method: 'get',
      path: '/account/deputies',
      permission: 'session',
      summary: 'Whom I have named, and who has named me',
      answer,
      handle: ({ actor }) => list({ $or: [{ principal: actor.id }, { deputy: actor.id }] }),
    }),
    route({
      method: 'post',
      path: '/account/deputies',
      permission: 'session',
      summary: 'Name my deputy for a time',
      body: term,
      answer: shownDeputy,
      status: 201,
      handle: ({ body, ...call }) => name(call.actor.id, body, call),
    }),
    route({
      method: 'delete',
      path: '/account/deputies/{deputyId}',
      permission: 'session',
      summary: 'End it now',
      params,
      handle: ({ params: { deputyId: id }, ...call }) => end({ deputyId: id, principal: call.actor.id }, call),
    }),
    route({
      method: 'get',
      path: '/deputies',
      permission: 'role:write',
      trace: 'deputy.read',
      summary: 'All deputies',
      answer,
      handle: () => list({}),
    }),
    route({
      method: 'post',
      path: '/deputies',
      permission: 'role:write',
      summary: 'Name a deputy for someone who is away',
      body: term.extend({ principal: username }),
      answer: shownDeputy,
      status: 201,
      handle: ({ body: { principal, ...rest }, ...call }) => name(principal, rest, call),
    }),
    route({
      method: 'delete',
      path: '/deputies/{deputyId}',
      permission: 'role:write',
      summary: 'End it now',
      params,
      handle: ({ params: { deputyId: id }, ...call }) => end({ deputyId: id }, call),
    }),
    route({
      method: 'get',
      path: '/directory',
      permission: 'session',
      summary: 'Colleagues, to name a deputy',
      query: z.object({ q: z.string().max(64).optional() }),
      answer: z.object({ items: z.array(z.object({ username: z.string(), displayName: z.string() })) }),
      async handle({ query: { q } }) {
        const start = { $gte: q, $lt: `${q}\uffff` };
        const found = await User.find({
          disabled: false,
          roles: { $nin: ['systemAdmin', 'securityAdmin', 'auditor'], $ne: [] },
          ...(q !== undefined && q !== '' && { $or: [{ username: start }, { displayName: start }] }),
        })
          .sort({ displayName: 1 })
          .limit(50)
          .lean<User[]>();
        return { items: found.map(({ username: id, displayName }) => ({ username: id, displayName })) };
      },
    }),
  ];
}

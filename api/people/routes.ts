import type { Request } from 'express';
import { z } from 'zod';
import { isPermitted, Role } from '../../domain/access.ts';
import { SealfolioError } from '../../domain/errors.ts';
import type { User } from '../../platform/store/index.ts';
import { traced } from '../traced.ts';
import { closeLoans } from '../loans/holds.ts';
import { SecondFactors } from '../auth/totp.ts';
import { text } from '../batches/schemas.ts';
import type { ApiDeps } from '../deps.ts';
import { type Actor, type Route, route } from '../route.ts';
import { Accounts } from './accounts.ts';
import { shown, userFilter, usersOf } from './list.ts';
import { profile, shownUser, username } from './schemas.ts';

const params = z.object({ username });
const reason = z.strictObject({ reason: text(200) });
const MAX_LIST = 200;

/** The revision that a change was made against. Throws if-match-required. */
export function ifMatch(request: Request): number {
  const revision = /^"?(\d+)"?$/.exec(request.header('if-match') ?? '')?.[1];
  if (revision === undefined) throw new SealfolioError('if-match-required', { field: 'If-Match' });
  return Number(revision);
}

function notOwn(actor: Actor, name: string): void {
  if (actor.id === name) throw new SealfolioError('own-account', { username: name });
}

/** 用户: systemAdmin makes accounts, securityAdmin gives roles (三员分立); each change is in the audit. */
export function userRoutes(deps: ApiDeps): Route[] {
  const { store } = deps;
  const accounts = new Accounts(store);
  const factors = new SecondFactors(deps);
  const object = (id: string) => ({ type: 'user', id });
  /** 离职、转科、失去借阅角色: what the person holds is returned. */
  const closeOf = (applicant: string, reason: string) =>
    closeLoans(deps, { filter: { applicant }, cause: 'left', reason });

  return [
    route({
      method: 'get',
      path: '/users',
      permission: 'account:read',
      trace: 'user.search',
      summary: 'People with an account, by user name',
      query: userFilter.extend({
        after: username.optional(),
        limit: z.coerce.number().int().min(1).max(MAX_LIST).default(50),
      }),
      answer: z.object({ items: z.array(shownUser), nextAfter: z.string().nullable() }),
      async handle({ query: { after, limit, ...filter } }) {
        const [found, departments] = await Promise.all([
          store.models.User.find({ ...usersOf(filter), ...(after !== undefined && { username: { $gt: after } }) })
            .sort({ username: 1 })
            .limit(limit + 1)
            .lean<User[]>(),
          accounts.departments(),
        ]);
        const items = found.slice(0, limit).map((user) => shown(user, departments));
        return { items, nextAfter: found.length > limit ? items.at(-1)!.username : null };
      },
    }),
    route({
      method: 'get',
      path: '/users/{username}',
      permission: 'account:read',
      trace: 'user.read',
      summary: 'One account',
      params,
      answer: shownUser,
      async handle({ params: { username: name }, response }) {
        const answer = shown(await accounts.find(name), await accounts.departments());
        response.set('ETag', `"${answer.revision}"`);
        return answer;
      },
    }),
    route({
      method: 'post',
      path: '/users',
      permission: 'account:write',
      summary: 'Make an account, without any role',
      body: profile.extend({ username }),
      answer: shownUser,
      status: 201,
      async handle({ body: { username: name, ...rest }, ...call }) {
        await traced(store, call, 'user.create', object(name));
        return shown(await accounts.create(name, rest), await accounts.departments());
      },
    }),
    route({
      method: 'put',
      path: '/users/{username}',
      permission: 'account:write',
      summary: 'Name, department, employment, related patients',
      params,
      body: profile,
      answer: shownUser,
      async handle({ params: { username: name }, body, request, ...call }) {
        const revision = ifMatch(request);
        const before = await accounts.find(name);
        const isMoved = before.departmentId !== body.departmentId;
        await traced(store, call, 'user.change', object(name), { details: { departmentId: body.departmentId } });
        const user = await accounts.change(name, body, revision);
        if (isMoved) await closeOf(name, '科室变更');
        return shown(user, await accounts.departments());
      },
    }),
    route({
      method: 'post',
      path: '/users/{username}/activation',
      permission: 'account:write',
      summary: 'A new activation code, shown once: the person chooses a password with it',
      params,
      answer: z.object({ code: z.string(), expiresAt: z.string() }),
      secret: true,
      async handle({ params: { username: name }, ...call }) {
        notOwn(call.actor, name);
        await traced(store, call, 'user.activation', object(name));
        const { code, expiresAt } = await accounts.invite(name);
        return { code, expiresAt: expiresAt.toISOString() };
      },
    }),
    ...(['disable', 'enable'] as const).map((what) =>
      route({
        method: 'post',
        path: `/users/{username}/${what}`,
        permission: 'account:write',
        summary: what === 'disable' ? 'Close an account; its sessions end at once' : 'Open a closed account again',
        params,
        body: reason,
        answer: shownUser,
        async handle({ params: { username: name }, body, request, ...call }) {
          notOwn(call.actor, name);
          const revision = ifMatch(request);
          await traced(store, call, `user.${what}`, object(name), { reason: body.reason });
          const user = await accounts.setDisabled(name, what === 'disable', revision);
          if (what === 'disable') await closeOf(name, '账号停用');
          return shown(user, await accounts.departments());
        },
      }),
    ),
    route({
      method: 'put',
      path: '/users/{username}/roles',
      permission: 'role:write',
      summary: 'Give and take roles',
      params,
      body: z.strictObject({ roles: z.array(z.enum(Role)).max(4), reason: text(200) }),
      answer: shownUser,
      async handle({ params: { username: name }, body, request, ...call }) {
        notOwn(call.actor, name);
        const revision = ifMatch(request);
        const roles = [...new Set(body.roles)];
        await traced(store, call, 'user.roles', object(name), { reason: body.reason, details: { roles } });
        const before = await accounts.find(name);
        const user = await accounts.setRoles(name, roles, revision);
        if (isPermitted(before.roles, 'loan:apply') && !isPermitted(roles, 'loan:apply'))
          await closeOf(name, '角色变更');
        return shown(user, await accounts.departments());
      },
    }),
    route({
      method: 'post',
      path: '/users/{username}/totp-reset',
      permission: 'role:write',
      summary: 'Remove a second factor that was lost; the password stays',
      params,
      body: reason,
      async handle({ params: { username: name }, body, ...call }) {
        notOwn(call.actor, name);
        await accounts.find(name);
        await traced(store, call, 'user.totpReset', object(name), { reason: body.reason });
        await factors.remove(name);
        await accounts.endSessions(name);
      },
    }),
    route({
      method: 'post',
      path: '/users/{username}/sessions-end',
      permission: 'role:write',
      summary: 'End all sessions of a person',
      params,
      body: reason,
      answer: z.object({ ended: z.number() }),
      async handle({ params: { username: name }, body, ...call }) {
        await accounts.find(name);
        await traced(store, call, 'user.sessionsEnd', object(name), { reason: body.reason });
        return { ended: await accounts.endSessions(name) };
      },
    }),
  ];
}

import type { Request } from 'express';
import { z } from 'zod';
import type { ActorProof } from '../../domain/trace.ts';
import { SealfolioError } from '../../domain/errors.ts';
import { activate } from '../auth/activation.ts';
import type { User } from '../../platform/store/index.ts';
import { Unproven } from '../auth/unproven.ts';
import { actorOf, type Found, isTotpMissing, SESSION_COOKIE, Sessions, tokenOf } from '../auth/sessions.ts';
import type { ApiDeps } from '../deps.ts';
import { codeOf } from '../problems.ts';
import { type Route, route } from '../route.ts';
import { traced } from '../traced.ts';

const user = z.object({
  username: z.string(),
  displayName: z.string(),
  roles: z.array(z.string()),
  permissions: z.array(z.string()),
});
const answer = z.object({
  user,
  csrf: z.string(),
  member: z.object({ memberId: z.string(), name: z.string() }),
  environment: z.enum(['demo', 'production']),
  mustEnrolTotp: z.boolean().describe('Nothing else is permitted until a second factor is set up'),
});
const username = z.string().min(1).max(64);
const password = z.string().min(1).max(256);

export function sessionRoutes(deps: ApiDeps): Route[] {
  const { store, memberId, memberName, publicUrl, environment } = deps;
  const sessions = new Sessions(deps);
  const unproven = new Unproven();
  const cookie = { httpOnly: true, sameSite: 'strict', secure: publicUrl.startsWith('https:'), path: '/' } as const;

  const shown = (found: Found) => {
    const { id, displayName, roles, permissions } = actorOf(found, environment);
    return {
      user: { username: id, displayName, roles, permissions },
      csrf: found.session.csrf,
      member: { memberId, name: memberName },
      environment,
      mustEnrolTotp: isTotpMissing(found.user, environment),
    };
  };
  const placeOf = (request: Request) => ({
    address: request.ip ?? '',
    agent: (request.header('user-agent') ?? '').slice(0, 120),
  });
  /** A name that nobody has is not kept: people type other things into that field. */
  async function event(
    action: 'session.login' | 'account.activate',
    name: string,
    denied: unknown,
    { requestId, request }: { requestId: string; request: Request },
    proof?: ActorProof,
  ): Promise<void> {
    const user = await store.models.User.findOne({ username: name }).select('roles departmentId').lean<User>();
    const id = user === null ? 'unknown' : name;
    const { roles = [], departmentId } = user ?? {};
    const more = denied === null ? {} : unproven.take(id);
    if (more === null) return;
    await store.trace.append({
      actor: {
        ...{ type: 'user', id, roles },
        ...(departmentId !== undefined && { departmentId }),
        ...(proof !== undefined && { proof }),
      },
      from: placeOf(request),
      action,
      object: { type: 'session', id },
      result: denied === null ? 'allowed' : 'denied',
      ...(denied !== null && { details: { code: codeOf(denied).code, ...more } }),
      requestId,
    });
  }

  return [
    route({
      method: 'post',
      path: '/session',
      permission: 'public',
      summary: 'Log in',
      body: z.strictObject({ username, password, code: z.string().max(16).optional() }),
      answer,
      async handle({ body, requestId, request, response }) {
        try {
          const place = { address: request.ip ?? '', userAgent: request.header('user-agent') ?? '' };
          const login = await sessions.login(body, place);
          await event('session.login', body.username, null, { requestId, request }, login.proof);
          response.cookie(SESSION_COOKIE, login.token, cookie);
          return shown((await sessions.find(login.token))!);
        } catch (error) {
          await event('session.login', body.username, error, { requestId, request });
          throw error;
        }
      },
    }),
    route({
      method: 'get',
      path: '/session',
      permission: 'session',
      summary: 'Who is logged in',
      answer,
      async handle({ request }) {
        const found = await sessions.find(tokenOf(request.header('cookie')) ?? '');
        if (found === null) throw new SealfolioError('login-required');
        return shown(found);
      },
    }),
    route({
      method: 'delete',
      path: '/session',
      permission: 'session',
      summary: 'Log out',
      async handle({ request, response, ...call }) {
        await traced(store, call, 'session.logout', { type: 'session', id: call.actor.id });
        await sessions.end(tokenOf(request.header('cookie')) ?? '');
        response.clearCookie(SESSION_COOKIE, cookie);
        return undefined;
      },
    }),
    route({
      method: 'post',
      path: '/activation',
      permission: 'public',
      summary: 'Choose a password with an activation code',
      body: z.strictObject({ username, code: z.string().max(64), password }),
      async handle({ body, requestId, request }) {
        try {
          await activate(store, body.username, body.code, body.password);
        } catch (error) {
          await event('account.activate', body.username, error, { requestId, request });
          throw error;
        }
        await event('account.activate', body.username, null, { requestId, request });
        return undefined;
      },
    }),
  ];
}

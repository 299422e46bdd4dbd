import { z } from 'zod';
import { SealfolioError } from '../../domain/errors.ts';
import { actorOf, SESSION_COOKIE, Sessions } from '../auth/sessions.ts';
import type { ApiDeps } from '../deps.ts';
import { type Actor, type Route, route } from '../route.ts';

const user = z.object({
  username: z.string(),
  displayName: z.string(),
  roles: z.array(z.string()),
  permissions: z.array(z.string()),
});
const answer = z.object({ user, csrf: z.string(), member: z.object({ memberId: z.string(), name: z.string() }) });

const shown = ({ id, displayName, roles, permissions }: Actor) => ({ username: id, displayName, roles, permissions });

export function sessionRoutes({ store, memberId, memberName, publicUrl }: ApiDeps): Route[] {
  const sessions = new Sessions(store);
  const member = { memberId, name: memberName };
  const cookie = { httpOnly: true, sameSite: 'strict', secure: publicUrl.startsWith('https:'), path: '/' } as const;
  const token = (header: string | undefined) =>
    header
      ?.split(';')
      .map((pair) => pair.trim().split('='))
      .find(([name]) => name === SESSION_COOKIE)?.[1];

  return [
    route({
      method: 'post',
      path: '/session',
      permission: 'public',
      summary: 'Log in',
      body: z.strictObject({ username: z.string().min(1).max(64), password: z.string().min(1).max(256) }),
      answer,
      async handle({ body: { username, password }, requestId, response }) {
        const event = (result: 'allowed' | 'denied') =>
          store.audit.append({
            actor: { type: 'user', id: username, roles: [] },
            action: 'session.login',
            object: { type: 'session', id: username },
            result,
            requestId,
          });
        try {
          const login = await sessions.login(username, password);
          await event('allowed');
          response.cookie(SESSION_COOKIE, login.token, cookie);
          return { user: shown(actorOf(login.user)), csrf: login.session.csrf, member };
        } catch (error) {
          await event('denied');
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
      async handle({ actor, request }) {
        const found = await sessions.find(token(request.header('cookie')) ?? '');
        if (found === null) throw new SealfolioError('login-required');
        return { user: shown(actor), csrf: found.session.csrf, member };
      },
    }),
    route({
      method: 'delete',
      path: '/session',
      permission: 'session',
      summary: 'Log out',
      async handle({ request, response }) {
        await sessions.end(token(request.header('cookie')) ?? '');
        response.clearCookie(SESSION_COOKIE, cookie);
        return undefined;
      },
    }),
  ];
}

import { z } from 'zod';
import { SealfolioError } from '../../domain/errors.ts';
import type { Session, User } from '../../platform/store/index.ts';
import { traced } from '../traced.ts';
import { checkPassword } from '../auth/activation.ts';
import { hashPassword, isPassword } from '../auth/passwords.ts';
import { Sessions, tokenOf } from '../auth/sessions.ts';
import { SecondFactors } from '../auth/totp.ts';
import type { ApiDeps } from '../deps.ts';
import { type Actor, type Route, route } from '../route.ts';

const code = z.string().max(16);
const password = z.string().min(1).max(256);
const shownSession = z.object({
  sessionId: z.string(),
  isThis: z.boolean(),
  address: z.string(),
  userAgent: z.string(),
  createdAt: z.string(),
  lastSeenAt: z.string(),
});

/** One's own account: password, second factor, sessions. */
export function accountRoutes(deps: ApiDeps): Route[] {
  const { store, memberName } = deps;
  const { Session, User } = store.models;
  const sessions = new Sessions(deps);
  const factors = new SecondFactors(deps);
  const object = ({ id }: Actor) => ({ type: 'user', id });

  async function self({ id }: Actor): Promise<User> {
    const found = await User.findOne({ username: id }).lean<User>();
    if (found === null) throw new SealfolioError('user-not-found');
    return found;
  }

  /** Throws credentials-invalid. */
  async function confirmPassword(user: User, given: string): Promise<void> {
    if (!(await isPassword(given, user.passwordHash ?? null)))
      throw new SealfolioError('credentials-invalid', { field: 'password' });
  }

  return [
    route({
      method: 'get',
      path: '/account',
      permission: 'session',
      trace: 'account.read',
      summary: 'My account',
      answer: z.object({ username: z.string(), displayName: z.string(), hasTotp: z.boolean() }),
      async handle({ actor }) {
        const { username, displayName, totp } = await self(actor);
        return { username, displayName, hasTotp: totp?.confirmedAt !== undefined };
      },
    }),
    route({
      method: 'post',
      path: '/account/password',
      permission: 'session',
      summary: 'Change my password; my other sessions end',
      body: z.strictObject({ current: password, next: password }),
      secret: true,
      async handle({ body: { current, next }, request, ...call }) {
        const user = await self(call.actor);
        await confirmPassword(user, current);
        checkPassword(next, user.username);
        await traced(store, call, 'account.password', object(call.actor));
        const found = await sessions.find(tokenOf(request.header('cookie')) ?? '');
        await User.updateOne({ username: user.username }, { $set: { passwordHash: await hashPassword(next) } });
        await Session.deleteMany({ username: user.username, sessionId: { $ne: found?.session.sessionId } });
      },
    }),
    route({
      method: 'post',
      path: '/account/totp',
      permission: 'session',
      summary: 'Begin a second factor: the secret for an authenticator, shown once',
      body: z.strictObject({ password }),
      answer: z.object({ secret: z.string(), uri: z.string() }),
      secret: true,
      async handle({ body, ...call }) {
        const user = await self(call.actor);
        if (user.totp?.confirmedAt !== undefined) throw new SealfolioError('totp-present');
        await confirmPassword(user, body.password);
        await traced(store, call, 'account.totp.begin', object(call.actor));
        return factors.begin(user.username, `卷证 ${memberName}`);
      },
    }),
    route({
      method: 'post',
      path: '/account/totp/confirm',
      permission: 'session',
      summary: 'Put it in force with its first code',
      body: z.strictObject({ code }),
      async handle({ body, ...call }) {
        const user = await self(call.actor);
        if (user.totp === undefined) throw new SealfolioError('totp-absent');
        if (user.totp.confirmedAt !== undefined) throw new SealfolioError('totp-present');
        if (!(await factors.confirm(user, body.code))) throw new SealfolioError('totp-invalid', { field: 'code' });
        await traced(store, call, 'account.totp.confirm', object(call.actor));
      },
    }),
    route({
      method: 'post',
      path: '/account/totp/remove',
      permission: 'session',
      summary: 'Remove my second factor, with password and code',
      body: z.strictObject({ password, code }),
      secret: true,
      async handle({ body, ...call }) {
        const user = await self(call.actor);
        if (user.totp?.confirmedAt === undefined) throw new SealfolioError('totp-absent');
        await confirmPassword(user, body.password);
        if (!(await factors.take(user, body.code))) throw new SealfolioError('totp-invalid', { field: 'code' });
        await traced(store, call, 'account.totp.remove', object(call.actor));
        await factors.remove(user.username);
      },
    }),
    route({
      method: 'get',
      path: '/account/sessions',
      permission: 'session',
      summary: 'Where I am logged in',
      answer: z.object({ items: z.array(shownSession) }),
      async handle({ actor, request }) {
        const found = await sessions.find(tokenOf(request.header('cookie')) ?? '');
        const all = await Session.find({ username: actor.id, expiresAt: { $gt: new Date() } })
          .sort({ lastSeenAt: -1 })
          .lean<Session[]>();
        return {
          items: all.map(({ sessionId, address, userAgent, createdAt, lastSeenAt }) => ({
            sessionId,
            isThis: sessionId === found?.session.sessionId,
            address,
            userAgent,
            createdAt: createdAt.toISOString(),
            lastSeenAt: lastSeenAt.toISOString(),
          })),
        };
      },
    }),
    route({
      method: 'delete',
      path: '/account/sessions/{sessionId}',
      permission: 'session',
      summary: 'End one of my sessions',
      params: z.object({ sessionId: z.string().regex(/^se_[0-9a-f]{18}$/) }),
      async handle({ params: { sessionId }, ...call }) {
        await traced(store, call, 'session.end', { type: 'session', id: sessionId });
        const { deletedCount } = await Session.deleteOne({ sessionId, username: call.actor.id });
        if (deletedCount === 0) throw new SealfolioError('session-not-found');
      },
    }),
  ];
}

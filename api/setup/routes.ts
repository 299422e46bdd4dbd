import { randomBytes, timingSafeEqual } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { ADMINISTRATORS } from '../../domain/access.ts';
import { SealfolioError } from '../../domain/errors.ts';
import { sm3 } from '../../platform/crypto/index.ts';
import type { Store } from '../../platform/store/index.ts';
import { newActivation } from '../auth/activation.ts';
import { text } from '../batches/schemas.ts';
import type { ApiDeps } from '../deps.ts';
import { type Route, route } from '../route.ts';
import { username } from '../people/schemas.ts';

const SETUP_DONE = 'setup' as never;
const DUPLICATE_KEY = 11_000;

const fileOf = (home: string) => path.join(home, 'setup.code');

/**
 * First start: while nobody has an account, a code lies in HOME/setup.code, readable by whoever runs the machine. It
 * opens the setup page once; no account and no password is there before.
 */
export async function offerSetup({ models }: Store, home: string): Promise<string | null> {
  if ((await models.User.estimatedDocumentCount()) > 0) return null;
  const file = fileOf(home);
  if (!existsSync(file)) writeFileSync(file, randomBytes(18).toString('base64url'), { mode: 0o600 });
  return file;
}

const person = z.strictObject({ username, displayName: text(64) });
const codes = z.object({ systemAdmin: z.string(), securityAdmin: z.string(), auditor: z.string() });

export function setupRoutes({ store, home }: ApiDeps): Route[] {
  const { User } = store.models;
  const settings = store.connection.collection('settings');
  const digest = (code: string) => sm3(Buffer.from(code));

  return [
    route({
      method: 'get',
      path: '/setup',
      permission: 'public',
      summary: 'Whether the system waits to be set up',
      answer: z.object({ open: z.boolean() }),
      handle: async () => ({ open: (await User.estimatedDocumentCount()) === 0 }),
    }),
    route({
      method: 'post',
      path: '/setup',
      permission: 'public',
      summary:
        'Make the three administrators, with the code from HOME/setup.code; gives the code by which each chooses a password',
      body: z.strictObject({ code: z.string().max(64), systemAdmin: person, securityAdmin: person, auditor: person }),
      answer: codes,
      status: 201,
      async handle({ body: { code, ...people }, requestId }) {
        if ((await User.estimatedDocumentCount()) > 0) throw new SealfolioError('setup-closed');
        const file = fileOf(home);
        const isRight = existsSync(file) && timingSafeEqual(digest(readFileSync(file, 'utf8').trim()), digest(code));
        if (!isRight) throw new SealfolioError('setup-invalid', { field: 'code' });
        const names = ADMINISTRATORS.map((role) => people[role].username);
        if (new Set(names).size < names.length) throw new SealfolioError('duties-not-separated', { field: 'username' });
        const made = ADMINISTRATORS.map((role) => ({ ...people[role], roles: [role], ...newActivation() }));
        await store.trace.append({
          actor: { type: 'anonymous', id: 'setup', roles: [] },
          action: 'system.setup',
          object: { type: 'system', id: names.join(' ') },
          result: 'allowed',
          requestId,
        });
        try {
          await store.connection.transaction(async (session) => {
            await settings.insertOne({ _id: SETUP_DONE, at: new Date() }, { session });
            await User.create(
              made.map(({ code: _code, ...user }) => user),
              { session, ordered: true },
            );
          });
        } catch (error) {
          if ((error as { code?: number }).code === DUPLICATE_KEY) throw new SealfolioError('setup-closed');
          throw error;
        }
        rmSync(file, { force: true });
        return Object.fromEntries(made.map((one) => [one.roles[0], one.code]));
      },
    }),
  ];
}

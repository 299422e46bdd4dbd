import { randomBytes } from 'node:crypto';
import { SealfolioError } from '../../domain/errors.ts';
import { ROLE_PERMISSIONS } from '../../domain/access.ts';
import { sm3 } from '../../platform/crypto/index.ts';
import type { Session, Store, User } from '../../platform/store/index.ts';
import type { Actor } from '../route.ts';
import { isPassword } from './passwords.ts';

export const SESSION_COOKIE = 'sealfolio_session';
const IDLE_MS = 30 * 60_000;
const MAX_MS = 12 * 3_600_000;
const MAX_FAILURES = 5;
const LOCK_MS = 15 * 60_000;
/** A session's last use is written at most this often. */
const TOUCH_MS = 60_000;

const hashToken = (token: string) => sm3(Buffer.from(`sealfolio/session/1\0${token}`)).toString('hex');

export const actorOf = ({ username, displayName, roles }: User): Actor => ({
  type: 'user',
  id: username,
  displayName,
  roles,
  permissions: [...new Set(roles.flatMap((role) => ROLE_PERMISSIONS[role]))],
});

/** Sessions of people: an opaque cookie, of which the database keeps the hash. */
export class Sessions {
  constructor(private readonly store: Store) {}

  /** Throws credentials-invalid or account-locked. */
  async login(username: string, password: string): Promise<{ token: string; session: Session; user: User }> {
    const { User, Session } = this.store.models;
    const user = await User.findOne({ username, disabled: false }).lean<User>();
    if (user?.lockedUntil !== undefined && user.lockedUntil > new Date()) throw new SealfolioError('account-locked');
    if (!(await isPassword(password, user?.passwordHash ?? null)) || user === null) {
      if (user !== null) await this.#failed(user);
      throw new SealfolioError('credentials-invalid');
    }
    await User.updateOne({ username }, { $set: { failedLogins: 0 }, $unset: { lockedUntil: 1 } });
    const token = randomBytes(32).toString('base64url');
    const now = new Date();
    const session: Session = {
      tokenHash: hashToken(token),
      username,
      csrf: randomBytes(24).toString('base64url'),
      createdAt: now,
      lastSeenAt: now,
      expiresAt: new Date(now.getTime() + IDLE_MS),
    };
    await Session.create(session);
    return { token, session, user };
  }

  /** The session behind a cookie, kept alive by being used; null if there is none. */
  async find(token: string): Promise<{ session: Session; user: User } | null> {
    const { User, Session } = this.store.models;
    const now = Date.now();
    const session = await Session.findOne({
      tokenHash: hashToken(token),
      expiresAt: { $gt: new Date(now) },
    }).lean<Session>();
    if (session === null) return null;
    const user = await User.findOne({ username: session.username, disabled: false }).lean<User>();
    if (user === null) return null;
    if (now - session.lastSeenAt.getTime() > TOUCH_MS) {
      const expiresAt = new Date(Math.min(now + IDLE_MS, session.createdAt.getTime() + MAX_MS));
      await Session.updateOne({ tokenHash: session.tokenHash }, { $set: { lastSeenAt: new Date(now), expiresAt } });
    }
    return { session, user };
  }

  async end(token: string): Promise<void> {
    await this.store.models.Session.deleteOne({ tokenHash: hashToken(token) });
  }

  async #failed({ username, failedLogins }: User): Promise<void> {
    const isLast = failedLogins + 1 >= MAX_FAILURES;
    await this.store.models.User.updateOne(
      { username },
      isLast
        ? { $set: { failedLogins: 0, lockedUntil: new Date(Date.now() + LOCK_MS) } }
        : { $inc: { failedLogins: 1 } },
    );
  }
}

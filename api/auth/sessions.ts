import { randomBytes } from 'node:crypto';
import DataLoader from 'dataloader';
import { isAdministrator, ROLE_PERMISSIONS } from '../../domain/access.ts';
import type { ActorProof } from '../../domain/trace.ts';
import { SealfolioError } from '../../domain/errors.ts';
import { sm3 } from '../../platform/crypto/index.ts';
import type { Session, User } from '../../platform/store/index.ts';
import type { ApiDeps } from '../deps.ts';
import { type Principal, withPrincipals } from '../people/principals.ts';
import type { Actor } from '../route.ts';
import { isPassword } from './passwords.ts';
import { SecondFactors } from './totp.ts';

export const SESSION_COOKIE = 'sealfolio_session';
const MAX_FAILURES = 5;
const LOCK_MS = 15 * 60_000;
/** A session's last use is written at most this often. */
const TOUCH_MS = 60_000;
const MAX_AGENT = 200;

export interface Credentials {
  username: string;
  password: string;
  /** Code of the second factor, where the person has one. */
  code?: string | undefined;
}

/** A session that is open, and whose it is. */
export interface Found {
  session: Session;
  user: User;
  principals: Principal[];
}

export interface Place {
  address: string;
  userAgent: string;
}

const hashToken = (token: string) => sm3(Buffer.from(`sealfolio/session/1\0${token}`)).toString('hex');

/** The value of the session cookie; undefined without one. */
export const tokenOf = (cookies: string | undefined): string | undefined =>
  cookies
    ?.split(';')
    .map((pair) => pair.trim().split('='))
    .find(([name]) => name === SESSION_COOKIE)?.[1];

/** Outside the demo the three administrators work with a second factor only: until it is set up they may do nothing else. */
export const isTotpMissing = ({ roles, totp }: User, environment: ApiDeps['environment']): boolean =>
  environment === 'production' && isAdministrator(roles) && totp?.confirmedAt === undefined;

/** Sessions of before did not keep how they were opened. */
const proofOf = ({ sessionId, openedBy }: Session): ActorProof | undefined =>
  openedBy === undefined ? undefined : { kind: openedBy, sessionId };

export const actorOf = ({ session, user, principals }: Found, environment: ApiDeps['environment']): Actor => ({
  type: 'user',
  id: user.username,
  displayName: user.displayName,
  roles: user.roles,
  departmentId: user.departmentId,
  proof: proofOf(session),
  principals,
  permissions: isTotpMissing(user, environment)
    ? []
    : [...new Set(user.roles.flatMap((role) => ROLE_PERMISSIONS[role]))],
});

/** Sessions of people: an opaque cookie, of which the database keeps the hash. */
export class Sessions {
  readonly #idleMs: number;
  readonly #maxMs: number;
  readonly #factors: SecondFactors;
  /** Every request asks: those that come in one turn of the event loop are asked for together, and nothing is remembered. */
  readonly #found = new DataLoader<string, Found | null>((hashes) => this.#read(hashes), {
    cache: false,
    batchScheduleFn: setImmediate,
  });

  constructor(private readonly deps: Pick<ApiDeps, 'store' | 'card' | 'sessions'>) {
    this.#idleMs = deps.sessions.idleMinutes * 60_000;
    this.#maxMs = deps.sessions.maxHours * 3_600_000;
    this.#factors = new SecondFactors(deps);
  }

  /** Throws credentials-invalid, account-locked, totp-required or totp-invalid. */
  async login({ username, password, code }: Credentials, place: Place): Promise<{ token: string; proof: ActorProof }> {
    const { User } = this.deps.store.models;
    const user = await this.#attempt(username);
    if (!(await isPassword(password, user?.passwordHash ?? null)) || user === null)
      throw new SealfolioError('credentials-invalid');
    const hasTotp = user.totp?.confirmedAt !== undefined;
    if (hasTotp) {
      if (code === undefined || code === '') {
        // The password was right: this was no failure.
        await User.updateOne({ username }, { $inc: { failedLogins: -1 }, $unset: { lockedUntil: 1 } });
        throw new SealfolioError('totp-required');
      }
      if (!(await this.#factors.take(user, code))) throw new SealfolioError('totp-invalid');
    }
    await User.updateOne({ username }, { $set: { failedLogins: 0 }, $unset: { lockedUntil: 1 } });
    return this.#open(username, place, hasTotp ? 'totp' : 'password');
  }

  /** The session behind a cookie; null if there is none. A request that a person made keeps it alive, one of the page's own does not. */
  async find(token: string, isOfPerson = false): Promise<Found | null> {
    const found = await this.#found.load(hashToken(token));
    if (found === null) return null;
    const { session } = found;
    const now = Date.now();
    if (isOfPerson && now - session.lastSeenAt.getTime() > Math.min(TOUCH_MS, this.#idleMs / 2)) {
      const expiresAt = new Date(Math.min(now + this.#idleMs, session.createdAt.getTime() + this.#maxMs));
      const { Session } = this.deps.store.models;
      await Session.updateOne({ tokenHash: session.tokenHash }, { $set: { lastSeenAt: new Date(now), expiresAt } });
    }
    return found;
  }

  /** Sessions by their hashes, whose they are, and whom these act for, in one command. */
  async #read(hashes: readonly string[]): Promise<(Found | null)[]> {
    const { store } = this.deps;
    const { User, Session } = store.models;
    const now = new Date();
    const rows = await Session.aggregate<Session & { user: User & { principals: Principal[] } }>([
      { $match: { tokenHash: { $in: [...new Set(hashes)] }, expiresAt: { $gt: now } } },
      {
        $lookup: {
          from: User.collection.name,
          localField: 'username',
          foreignField: 'username',
          pipeline: [{ $match: { disabled: false } }, withPrincipals(store)],
          as: 'user',
        },
      },
      { $unwind: '$user' },
    ]);
    const found = new Map(
      rows.map(({ user: { principals, ...user }, ...session }) => [session.tokenHash, { session, user, principals }]),
    );
    return hashes.map((hash) => found.get(hash) ?? null);
  }

  async end(token: string): Promise<void> {
    await this.deps.store.models.Session.deleteOne({ tokenHash: hashToken(token) });
  }

  async #open(
    username: string,
    { address, userAgent }: Place,
    openedBy: NonNullable<Session['openedBy']>,
  ): Promise<{ token: string; proof: ActorProof }> {
    const token = randomBytes(32).toString('base64url');
    const now = new Date();
    const sessionId = `se_${randomBytes(9).toString('hex')}`;
    await this.deps.store.models.Session.create({
      sessionId,
      openedBy,
      tokenHash: hashToken(token),
      username,
      csrf: randomBytes(24).toString('base64url'),
      address,
      userAgent: userAgent.slice(0, MAX_AGENT),
      createdAt: now,
      lastSeenAt: now,
      expiresAt: new Date(now.getTime() + this.#idleMs),
    });
    return { token, proof: { kind: openedBy, sessionId } };
  }

  /**
   * Counts the attempt before the password is looked at, so that many at once get no more tries than one after the
   * other; the last one locks. Null if there is no such account. Throws account-locked.
   */
  async #attempt(username: string): Promise<User | null> {
    const { User } = this.deps.store.models;
    const now = new Date();
    const failures = { $add: [{ $cond: [{ $ifNull: ['$lockedUntil', false] }, 0, '$failedLogins'] }, 1] };
    const found = await User.collection.findOneAndUpdate(
      { username, disabled: false, lockedUntil: { $not: { $gt: now } } },
      [
        { $set: { failedLogins: failures } },
        {
          $set: {
            lockedUntil: {
              $cond: [{ $gte: ['$failedLogins', MAX_FAILURES] }, new Date(now.getTime() + LOCK_MS), '$$REMOVE'],
            },
          },
        },
      ],
      { returnDocument: 'after' },
    );
    if (found !== null) return found as unknown as User;
    if ((await User.exists({ username, disabled: false })) !== null) throw new SealfolioError('account-locked');
    return null;
  }
}

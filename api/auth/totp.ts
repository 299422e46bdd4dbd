import { randomBytes } from 'node:crypto';
import { Secret, TOTP } from 'otpauth';
import type { User } from '../../platform/store/index.ts';
import type { ApiDeps } from '../deps.ts';

const SECRET_BYTES = 32;
const PERIOD_S = 30;
/** Steps of 30 s that a clock may be off. */
const WINDOW = 1;

const bufferOf = (bytes: Buffer | { buffer: Uint8Array }) =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer);

/** 第二因素: time-based codes (RFC 6238), their secret wrapped by the card; a code is taken once (§5.2). */
export class SecondFactors {
  constructor(private readonly deps: Pick<ApiDeps, 'store' | 'card'>) {}

  /** Makes a secret, not yet in force; what an authenticator app takes, shown once. */
  async begin(username: string, issuer: string): Promise<{ secret: string; uri: string }> {
    const bytes = randomBytes(SECRET_BYTES);
    const wrapped = await this.deps.card.wrapKey(bytes);
    await this.deps.store.models.User.updateOne({ username }, { $set: { totp: { ...wrapped, lastStep: 0 } } });
    const totp = new TOTP({ issuer, label: username, secret: new Secret({ buffer: new Uint8Array(bytes).buffer }) });
    return { secret: totp.secret.base32, uri: totp.toString() };
  }

  /** Whether the code is right, and was not used before; it is used up by this. */
  async take({ username, totp }: User, code: string): Promise<boolean> {
    if (totp === undefined) return false;
    const bytes = await this.deps.card.unwrapKey(bufferOf(totp.wrappedKey), totp.keyId);
    const secret = new Secret({ buffer: new Uint8Array(bytes).buffer });
    const now = Date.now();
    const delta = new TOTP({ secret }).validate({ token: code.replace(/\s/g, ''), timestamp: now, window: WINDOW });
    if (delta === null) return false;
    const step = Math.floor(now / 1000 / PERIOD_S) + delta;
    const { modifiedCount } = await this.deps.store.models.User.updateOne(
      { username, 'totp.lastStep': { $lt: step } },
      { $set: { 'totp.lastStep': step } },
    );
    return modifiedCount === 1;
  }

  /** Puts the secret in force. */
  async confirm(user: User, code: string): Promise<boolean> {
    if (!(await this.take(user, code))) return false;
    await this.deps.store.models.User.updateOne(
      { username: user.username },
      { $set: { 'totp.confirmedAt': new Date() } },
    );
    return true;
  }

  async remove(username: string): Promise<void> {
    await this.deps.store.models.User.updateOne({ username }, { $unset: { totp: 1 } });
  }
}

import { randomBytes, timingSafeEqual } from 'node:crypto';
import { SealfolioError } from '../../domain/errors.ts';
import { passwordFaults } from '../../domain/people.ts';
import { sm3 } from '../../platform/crypto/index.ts';
import type { Store, User } from '../../platform/store/index.ts';
import { hashPassword } from './passwords.ts';

/** How long an activation code may be used. †ours. */
const VALID_MS = 24 * 3_600_000;

const hashCode = (code: string) => sm3(Buffer.from(`sealfolio/activation/1\0${code}`));

/** A code that is shown once and handed over by hand; whoever has it chooses the account's password. */
export function newActivation(): { code: string; activation: NonNullable<User['activation']> } {
  const code = randomBytes(15).toString('base64url');
  return {
    code,
    activation: { codeHash: hashCode(code).toString('hex'), expiresAt: new Date(Date.now() + VALID_MS) },
  };
}

/** Throws password-weak {faults}. */
export function checkPassword(password: string, username: string): void {
  const faults = passwordFaults(password, username);
  if (faults.length > 0) throw new SealfolioError('password-weak', { field: 'password', faults });
}

/** Chooses the first password, or another after a reset. Throws activation-invalid or password-weak. */
export async function activate({ models }: Store, username: string, code: string, password: string): Promise<void> {
  const user = await models.User.findOne({ username, disabled: false }).lean<User>();
  const expected = Buffer.from(user?.activation?.codeHash ?? '0'.repeat(64), 'hex');
  const isRight = timingSafeEqual(expected, hashCode(code)) && user!.activation!.expiresAt > new Date();
  if (!isRight) throw new SealfolioError('activation-invalid');
  checkPassword(password, username);
  const passwordHash = await hashPassword(password);
  const { modifiedCount } = await models.User.updateOne(
    { username, 'activation.codeHash': user!.activation!.codeHash },
    { $set: { passwordHash, failedLogins: 0 }, $unset: { activation: 1, lockedUntil: 1 } },
  );
  if (modifiedCount !== 1) throw new SealfolioError('activation-invalid');
  await models.Session.deleteMany({ username });
}

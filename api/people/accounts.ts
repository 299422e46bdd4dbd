import { ADMINISTRATORS, type Role, separationViolations } from '../../domain/access.ts';
import { SealfolioError } from '../../domain/errors.ts';
import type { Employment } from '../../domain/people.ts';
import type { Department, Store, User } from '../../platform/store/index.ts';
import { newActivation } from '../auth/activation.ts';

const DUPLICATE_KEY = 11_000;

export interface Profile {
  displayName: string;
  departmentId?: string | undefined;
  employment: Employment;
  relatedPatientNos: string[];
}

/** 账号: made by systemAdmin without any role; roles are securityAdmin's to give. Every change counts the revision up. */
export class Accounts {
  constructor(private readonly store: Store) {}

  /** Throws user-not-found. */
  async find(username: string): Promise<User> {
    const found = await this.store.models.User.findOne({ username }).lean<User>();
    if (found === null) throw new SealfolioError('user-not-found', { username });
    return found;
  }

  /** Throws username-taken or department-not-found. */
  async create(username: string, profile: Profile): Promise<User> {
    await this.#checkDepartment(profile.departmentId);
    try {
      return (await this.store.models.User.create({ username, roles: [], ...profile })).toObject();
    } catch (error) {
      if ((error as { code?: number }).code !== DUPLICATE_KEY) throw error;
      throw new SealfolioError('username-taken', { field: 'username' });
    }
  }

  async change(username: string, profile: Profile, revision: number): Promise<User> {
    await this.#checkDepartment(profile.departmentId);
    const { departmentId, ...rest } = profile;
    return this.#update(username, revision, {
      $set: { ...rest, ...(departmentId !== undefined && { departmentId }) },
      ...(departmentId === undefined && { $unset: { departmentId: 1 } }),
    });
  }

  /** A code by which the person chooses a password; an earlier one no longer holds. */
  async invite(username: string): Promise<{ code: string; expiresAt: Date }> {
    await this.find(username);
    const { code, activation } = newActivation();
    await this.store.models.User.updateOne({ username }, { $set: { activation } });
    return { code, expiresAt: activation.expiresAt };
  }

  /** Ends what is open of a disabled account at once. Throws last-administrator. */
  async setDisabled(username: string, disabled: boolean, revision: number): Promise<User> {
    const { roles } = await this.find(username);
    if (disabled) await this.#keepOne(username, roles, []);
    const user = await this.#update(username, revision, { $set: { disabled } });
    if (disabled) await this.endSessions(username);
    return user;
  }

  /** Throws duties-not-separated {roles}, last-administrator. */
  async setRoles(username: string, roles: Role[], revision: number): Promise<User> {
    const violations = separationViolations(roles);
    if (violations.length > 0) throw new SealfolioError('duties-not-separated', { field: 'roles', roles: violations });
    const before = await this.find(username);
    await this.#keepOne(username, before.roles, roles);
    return this.#update(username, revision, { $set: { roles } });
  }

  async endSessions(username: string): Promise<number> {
    const { deletedCount } = await this.store.models.Session.deleteMany({ username });
    return deletedCount;
  }

  /** Names of departments by id. */
  async departments(): Promise<Map<string, Department>> {
    const found = await this.store.models.Department.find().lean<Department[]>();
    return new Map(found.map((department) => [department.departmentId, department]));
  }

  async #checkDepartment(departmentId: string | undefined): Promise<void> {
    if (departmentId === undefined) return;
    const found = await this.store.models.Department.exists({ departmentId, disabled: false });
    if (found === null) throw new SealfolioError('department-not-found', { field: 'departmentId' });
  }

  /** Of each kind of administrator one active account is left, or nobody could make another. */
  async #keepOne(username: string, before: readonly Role[], after: readonly Role[]): Promise<void> {
    for (const role of ADMINISTRATORS) {
      if (!before.includes(role) || after.includes(role)) continue;
      const others = { username: { $ne: username }, roles: role, disabled: false, passwordHash: { $exists: true } };
      if ((await this.store.models.User.exists(others)) === null)
        throw new SealfolioError('last-administrator', { role });
    }
  }

  /** Throws revision-changed if someone was first. */
  async #update(username: string, revision: number, update: Record<string, object>): Promise<User> {
    const found = await this.store.models.User.findOneAndUpdate(
      { username, revision },
      { ...update, $inc: { revision: 1 } },
      { returnDocument: 'after' },
    ).lean<User>();
    if (found !== null) return found;
    const { revision: now } = await this.find(username);
    throw new SealfolioError('revision-changed', { field: 'If-Match', revision: now });
  }
}

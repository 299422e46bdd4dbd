import { randomBytes } from 'node:crypto';
import { Role } from '../domain/access.ts';
import type { Card } from '../platform/card/card.ts';
import type { Department, Store } from '../platform/store/index.ts';
import { hashPassword } from './auth/passwords.ts';
import { newDepartmentId } from './people/departments.ts';

/** People of the demo: at least one a role. */
export const DEMO_USERS = [
  { username: 'clerk', displayName: '林晓岚', department: '病案室', roles: [Role.recordsClerk] },
  { username: 'clerk2', displayName: '罗敏', department: '病案室', roles: [Role.recordsClerk] },
  { username: 'doctor', displayName: '周启明', department: '心内科', roles: [Role.doctor] },
  { username: 'head', displayName: '何柏年', department: '心内科', roles: [Role.departmentHead] },
  { username: 'medical', displayName: '许文静', department: '医务科', roles: [Role.medicalAffairs] },
  { username: 'sysadmin', displayName: '高远', department: '信息科', roles: [Role.systemAdmin] },
  { username: 'secadmin', displayName: '苏宁', department: '信息科', roles: [Role.securityAdmin] },
  { username: 'auditor', displayName: '陈守正', department: '审计科', roles: [Role.auditor] },
] as const;
export const DEMO_SCANNER = 'scanner';

/** Makes the demo's accounts, with one password, and its scanner with a secret that only the caller learns. Done again it changes nothing, and gives null for the secret. */
export async function createDemoAccounts(
  { models }: Store,
  card: Card,
  password: string,
): Promise<{ scannerSecret: Buffer | null }> {
  const passwordHash = await hashPassword(password);
  for (const { username, displayName, department, roles } of DEMO_USERS) {
    const { departmentId } = await models.Department.findOneAndUpdate(
      { name: department },
      { $setOnInsert: { departmentId: newDepartmentId(), createdAt: new Date() } },
      { upsert: true, returnDocument: 'after' },
    ).lean<Department>();
    await models.User.updateOne(
      { username },
      { $setOnInsert: { displayName, departmentId, roles: [...roles], passwordHash } },
      { upsert: true, setDefaultsOnInsert: true },
    );
  }
  if ((await models.App.countDocuments({ appId: DEMO_SCANNER })) > 0) return { scannerSecret: null };
  const scannerSecret = randomBytes(32);
  await models.App.create({
    appId: DEMO_SCANNER,
    name: '病案室扫描工作站',
    kind: 'hmac',
    secret: await card.wrapKey(scannerSecret),
    permissions: ['batch:write', 'batch:read', 'archive:read', 'archive:view', 'archive:content', 'receipt:read'],
    disabled: false,
  });
  return { scannerSecret };
}

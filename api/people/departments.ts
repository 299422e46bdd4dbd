import { ulid } from 'ulid';
import { z } from 'zod';
import { SealfolioError } from '../../domain/errors.ts';
import type { Department } from '../../platform/store/index.ts';
import { traced } from '../traced.ts';
import { text } from '../batches/schemas.ts';
import type { ApiDeps } from '../deps.ts';
import { type Route, route } from '../route.ts';
import { departmentId, shownDepartment } from './schemas.ts';

const DUPLICATE_KEY = 11_000;

export const newDepartmentId = (): string => `dp_${ulid().toLowerCase()}`;

/** 科室. */
export function departmentRoutes({ store }: ApiDeps): Route[] {
  const { Department } = store.models;

  /** Throws department-taken. */
  async function named<T>(write: () => Promise<T>): Promise<T> {
    try {
      return await write();
    } catch (error) {
      if ((error as { code?: number }).code !== DUPLICATE_KEY) throw error;
      throw new SealfolioError('department-taken', { field: 'name' });
    }
  }

  return [
    route({
      method: 'get',
      path: '/departments',
      permission: 'session',
      summary: 'Departments, by name',
      answer: z.object({ items: z.array(shownDepartment) }),
      async handle() {
        const items = await Department.find().sort({ name: 1 }).select('-_id -createdAt').lean<Department[]>();
        return { items };
      },
    }),
    route({
      method: 'post',
      path: '/departments',
      permission: 'account:write',
      summary: 'Make a department',
      body: z.strictObject({ name: text(64) }),
      answer: shownDepartment,
      status: 201,
      async handle({ body: { name }, ...call }) {
        const made = { departmentId: newDepartmentId(), name, disabled: false };
        await traced(store, call, 'department.create', { type: 'department', id: made.departmentId });
        await named(() => Department.create({ ...made, createdAt: new Date() }));
        return made;
      },
    }),
    route({
      method: 'put',
      path: '/departments/{departmentId}',
      permission: 'account:write',
      summary: 'Rename, close or open a department',
      params: z.object({ departmentId }),
      body: z.strictObject({ name: text(64), disabled: z.boolean() }),
      answer: shownDepartment,
      async handle({ params: { departmentId: id }, body, ...call }) {
        await traced(store, call, 'department.change', { type: 'department', id });
        const found = await named(() =>
          Department.findOneAndUpdate({ departmentId: id }, { $set: body }, { returnDocument: 'after' }).lean(),
        );
        if (found === null) throw new SealfolioError('department-not-found', { departmentId: id });
        return { departmentId: id, ...body };
      },
    }),
  ];
}

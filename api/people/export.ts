import { ROLE_NAMES } from '../../domain/access.ts';
import { ACCOUNT_STATES, EMPLOYMENT_NAMES } from '../../domain/people.ts';
import type { User } from '../../platform/store/index.ts';
import type { ApiDeps } from '../deps.ts';
import { Accounts } from './accounts.ts';
import { atMinute, columns, yes } from '../exports/columns.ts';
import { as, exportRoute, foundBy } from '../exports/export.ts';
import type { Route } from '../route.ts';
import { shown, userFilter, usersOf } from './list.ts';

/** 导出人员列表. */
export const userExport = (deps: ApiDeps): Route =>
  exportRoute(deps, {
    path: '/users',
    permission: 'account:read',
    action: 'user.export',
    sheet: '人员',
    filter: userFilter,
    columns: columns<ReturnType<typeof shown>>({
      person: ({ displayName }) => displayName,
      username: ({ username }) => username,
      state: ({ state }) => ACCOUNT_STATES[state].zh,
      roles: ({ roles }) => roles.map((role) => ROLE_NAMES[role].zh).join('、'),
      department: ({ department }) => department?.name,
      employment: ({ employment }) => EMPLOYMENT_NAMES[employment].zh,
      totp: ({ hasTotp }) => yes(hasTotp),
      created: ({ createdAt }) => atMinute(createdAt),
    }),
    async find(filter, limit) {
      const plan = { found: usersOf(filter), rest: {}, sort: { username: 1 } } as const;
      const found = await foundBy<User>(deps.store.models.User.collection, plan, limit);
      const departments = await new Accounts(deps.store).departments();
      return as(found, async (some) => some.map((user) => shown(user, departments)));
    },
  });

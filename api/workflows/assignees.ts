import { isPermitted, Role } from '../../domain/access.ts';
import { powerOver } from '../../domain/loan/powers.ts';
import type { LoanRow, Store, User } from '../../platform/store/index.ts';
import { loanWorkflowId } from '../../workflows/shared.ts';
import { startsWith } from '../ordered.ts';
import { powersOf } from '../loans/powers.ts';
import { ACTING, type Principal, withPrincipals } from '../people/principals.ts';

type Principals = { principals: Principal[] };
type Deps = { store: Store; memberId: string };

const MOST = 50;
/** Who looks after workflows. */
const CARING = Object.values(Role).filter((role) => isPermitted([role], 'workflow:write'));

/** The loan of a loan's workflow, while a task of it is open; null otherwise. */
export async function loanWithTask({ store, memberId }: Deps, workflowId: string): Promise<LoanRow | null> {
  const loanId = workflowId.split(':')[2] ?? '';
  if (workflowId !== loanWorkflowId(memberId, loanId)) return null;
  const loan = await store.models.Loan.findOne({ loanId }).lean<LoanRow>();
  return loan?.task === undefined ? null : loan;
}

/** Colleagues whom a workflow may be given to: of an open task those who may decide it, else those who look after workflows. */
export async function assigneesOf(
  { store, memberId }: Deps,
  workflowId: string,
  q: string | undefined,
): Promise<Pick<User, 'username' | 'displayName'>[]> {
  const { Deputy, User } = store.models;
  const loan = await loanWithTask({ store, memberId }, workflowId);
  const roles = loan === null ? CARING : loan.waitsFor;
  const terms = loan === null ? [] : await Deputy.find(ACTING).select('deputy').lean<{ deputy: string }[]>();
  const deputies = terms.map(({ deputy }) => deputy);
  const found = await User.aggregate<User & Principals>([
    {
      $match: {
        disabled: false,
        $and: [
          { $or: [{ roles: { $in: roles } }, { username: { $in: deputies } }] },
          ...(q === undefined || q === ''
            ? []
            : [{ $or: [{ username: startsWith(q) }, { displayName: startsWith(q) }] }]),
        ],
      },
    },
    { $sort: { displayName: 1, username: 1 } },
    withPrincipals(store),
  ]);
  const may = (user: User & Principals) =>
    loan === null ||
    (user.username !== loan.applicant && powerOver(powersOf({ ...user, id: user.username }), loan) !== null);
  return found
    .filter(may)
    .slice(0, MOST)
    .map(({ username, displayName }) => ({ username, displayName }));
}

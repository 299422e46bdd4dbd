import { type CatalogPlace, PackedPages } from '../../domain/catalog/numbered.ts';
import { SealfolioError } from '../../domain/errors.ts';
import { scopeOf } from '../../domain/loan/loan.ts';
import type { Place, Right } from '../../domain/loan/policy.ts';
import { READING_STATES } from '../../domain/loan/state.ts';
import {
  type Archive,
  type ArchiveVersion,
  catalogAt,
  isNow,
  type LoanRow,
  type Store,
} from '../../platform/store/index.ts';
import type { ApiDeps } from '../deps.ts';
import type { Actor } from '../route.ts';
import { requireAttested } from '../trace/lag.ts';

/** On what ground someone reads an archive: the role, a loan until its due instant, or none. */
export type Ground =
  | { basis: 'role' }
  | {
      basis: 'loan';
      loanId: string;
      until: number;
      rights: Right[];
      nodes?: readonly number[] | undefined;
      nodesOf?: CatalogPlace | undefined;
      conditions?: string | undefined;
    }
  | { basis: 'none'; isHeld: boolean };

/** Asked at every page: a loan that ended, was recalled, or whose archive is held opens nothing from that instant. */
export async function groundOf({ models }: Store, actor: Actor, archiveId: string): Promise<Ground> {
  if (actor.permissions.includes('archive:content')) return { basis: 'role' };
  // Of what is lent as paper nothing is opened on the screen.
  const place: Place = 'online';
  const [archive, loan] = await Promise.all([
    models.Archive.findOne({ archiveId }).select('legalHold').lean<Archive>(),
    models.Loan.findOne({
      applicant: actor.id,
      archiveId,
      'request.place': place,
      state: { $in: [...READING_STATES] },
      ...isNow('startedAt', 'dueAt'),
    }).lean<LoanRow>(),
  ]);
  const isHeld = archive?.legalHold !== undefined;
  if (loan === null || isHeld) return { basis: 'none', isHeld };
  const { loanId, dueAt, granted } = loan;
  const scope = scopeOf(loan);
  return {
    basis: 'loan',
    loanId,
    until: dueAt!,
    rights: granted!.rights,
    nodes: scope?.nodes,
    nodesOf: scope?.nodesOf,
    conditions: granted!.conditions,
  };
}

/** Throws trace-behind, archive-held, loan-needed or loan-right-missing; what is in the audit besides: under which loan. */
export async function requireContent(
  deps: Pick<ApiDeps, 'store' | 'trace'>,
  actor: Actor,
  archiveId: string,
  right: Right,
): Promise<Ground> {
  const { store } = deps;
  const ground = await groundOf(store, actor, archiveId);
  if (ground.basis === 'none') throw new SealfolioError(ground.isHeld ? 'archive-held' : 'loan-needed', { archiveId });
  if (ground.basis === 'loan' && !ground.rights.includes(right))
    throw new SealfolioError('loan-right-missing', { archiveId, right });
  await requireAttested(deps);
  return ground;
}

/** Numbers, in this version's package, of the pages that were lent; null: all of them. */
export async function lentPages(
  { models }: Store,
  ground: Ground,
  version: ArchiveVersion,
): Promise<Set<number> | null> {
  if (ground.basis !== 'loan' || ground.nodes === undefined) return null;
  const { nodes, nodesOf } = ground;
  const catalog = nodesOf === undefined ? version.catalog : await catalogAt(models, version.archiveId, nodesOf);
  const packed = new PackedPages(version.catalog);
  const lent = nodes.flatMap((node) => catalog?.nodes[node]?.pages ?? []);
  return new Set(lent.flatMap((ref) => packed.numberOf(ref) ?? []));
}

/** Throws page-out-of-scope for a page that was not lent. */
export async function requirePage(store: Store, ground: Ground, version: ArchiveVersion, page: number): Promise<void> {
  const lent = await lentPages(store, ground, version);
  if (lent !== null && !lent.has(page)) throw new SealfolioError('page-out-of-scope', { page });
}

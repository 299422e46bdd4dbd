import { z } from 'zod';
import { SealfolioError } from '../../domain/errors.ts';
import { type LoanEvent, type Scope, scopeOf } from '../../domain/loan/loan.ts';
import { catalogAt, type LoanRow, placeOf, type Store } from '../../platform/store/index.ts';
import { archiveOf } from '../archives/find.ts';
import { MAX_NODES, place } from '../catalog/schemas.ts';

/** Branches that a reviewer leaves, and whose numbers these are. */
export const scope = z.strictObject({ nodes: z.array(z.int().min(0)).min(1).max(MAX_NODES), nodesOf: place });
export const shownScope = z.object({
  /** Whose numbers the branches have: what is chosen among them says so. */
  nodesOf: place.nullable(),
  branches: z.array(z.object({ node: z.number(), title: z.string(), pages: z.number() })),
});

/** The branches that a loan is about, less what a reviewer took away; none while nothing is archived. */
export async function scopeShown(store: Store, row: LoanRow): Promise<z.infer<typeof shownScope>> {
  const { archiveId } = row;
  const left = scopeOf(row);
  const nodesOf = left?.nodesOf ?? placeOf(await archiveOf(store, archiveId));
  const catalog = await catalogAt(store.models, archiveId, nodesOf);
  if (catalog === null) return { nodesOf: null, branches: [] };
  const all = catalog.nodes.map(({ title, pages }, node) => ({ node, title, pages: pages.length }));
  return { nodesOf, branches: all.filter(({ node }) => left?.nodes.includes(node) ?? true) };
}

/** Titles of the branches that an approval took away, by the catalogue whose numbers it chose among; none if it took none. */
export async function withheldBranches(
  { models }: Store,
  archiveId: string,
  { asked, given }: NonNullable<LoanEvent['grant']>,
): Promise<string[]> {
  if (given.scope?.nodesOf === undefined) return [];
  const { nodes, nodesOf } = given.scope;
  const catalog = await catalogAt(models, archiveId, nodesOf);
  return (catalog?.nodes ?? [])
    .filter((_, node) => (asked.scope?.nodes.includes(node) ?? true) && !nodes.includes(node))
    .map(({ title }) => title);
}

/** Throws loan-scope-invalid: that catalogue is none of the archive's, or has no such branch. */
export async function requireScope(
  { models }: Store,
  archiveId: string,
  { nodes, nodesOf }: Required<Scope>,
): Promise<void> {
  const catalog = await catalogAt(models, archiveId, nodesOf);
  const node = nodes.find((one) => one >= (catalog?.nodes.length ?? 0));
  if (node !== undefined) throw new SealfolioError('loan-scope-invalid', { field: 'scope', node });
}

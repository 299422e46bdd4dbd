import type { Model } from 'mongoose';
import { z } from 'zod';
import { CorrectionState } from '../../domain/correction.ts';
import { SealfolioError } from '../../domain/errors.ts';
import type { Asked, Store } from '../../platform/store/index.ts';
import type { ApiDeps } from '../deps.ts';
import { decodeCursor, encodeCursor } from '../pagination.ts';
import { displayNames } from '../people/names.ts';

const MAX_LIST = 100;

/** The fields that are shown of whatever one person asks for and another decides. */
export const shownAsked = {
  archiveId: z.string(),
  state: z.enum(CorrectionState),
  by: z.string(),
  byName: z.string(),
  reason: z.string(),
  at: z.string(),
  decidedBy: z.string().optional(),
  decidedByName: z.string().optional(),
  decidedAt: z.string().optional(),
  refusal: z.string().optional(),
  attestation: z.object({ height: z.number(), txId: z.string() }).optional(),
};

/** Rows as people read them, with the names of those who asked and decided; `own`: what is shown of their kind alone. */
export async function askedShown<Row extends Asked, Own>(store: Store, found: readonly Row[], own: (row: Row) => Own) {
  const names = await displayNames(
    store,
    found.flatMap(({ by, decidedBy }) => (decidedBy === undefined ? [by] : [by, decidedBy])),
  );
  return found.map((row) => {
    const { archiveId, state, by, reason, at, decidedBy, decidedAt, refusal, attestation } = row;
    return {
      ...own(row),
      ...{ archiveId, state, by, byName: names[by] ?? by, reason, at: at.toISOString() },
      ...(decidedBy !== undefined && { decidedBy, decidedByName: names[decidedBy] ?? decidedBy }),
      ...(decidedAt !== undefined && { decidedAt: decidedAt.toISOString() }),
      ...(refusal !== undefined && { refusal }),
      ...(attestation !== undefined && { attestation: { height: attestation.height, txId: attestation.txId } }),
    };
  });
}

export const waitingQuery = z.object({
  cursor: z.string().max(200).optional(),
  limit: z.coerce.number().int().min(1).max(MAX_LIST).default(20),
});

/** A page of those that wait for a decision, the oldest first. Throws request-invalid for a cursor of another list. */
export async function waitingPage<Row extends Asked>(
  model: Pick<Model<Row>, 'find'>,
  { cursor, limit }: z.infer<typeof waitingQuery>,
): Promise<{ rows: Row[]; nextCursor: string | null }> {
  const place = cursor === undefined ? null : decodeCursor(cursor);
  const after = place === null ? {} : { $or: [{ at: place.at, _id: { $gt: place.id } }, { at: { $gt: place.at } }] };
  const found = await model
    .find({ state: 'proposed', ...after } as never)
    .sort({ at: 1, _id: 1 })
    .limit(limit + 1)
    .lean<(Row & { _id: { toString(): string } })[]>();
  const rows = found.slice(0, limit);
  const last = found.length > limit ? rows.at(-1)! : null;
  return { rows, nextCursor: last === null ? null : encodeCursor({ at: last.at, id: last._id.toString() }) };
}

export const shownProof = z.object({
  manifest: z.unknown(),
  salt: z.string(),
  signature: z.string(),
  ledger: z.unknown(),
});

/** What was signed and attested of one in force, its salt, and its place in the ledger. Throws receipt-not-found. */
export async function proofOf({ ledger }: Pick<ApiDeps, 'ledger'>, row: Asked | null, id: Record<string, unknown>) {
  if (row?.attestation === undefined) throw new SealfolioError('receipt-not-found', id);
  const { manifest, salt, signature, attestation } = row;
  const { txId, indexInTx } = attestation;
  return { manifest, salt: salt!, signature: signature!, ledger: await ledger.receipt(txId, indexInTx) };
}

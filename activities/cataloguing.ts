import type { Types } from 'mongoose';
import { isPermitted } from '../domain/access.ts';
import type { Catalog, CatalogTemplate } from '../domain/catalog.ts';
import { doubtfulPages, reclassify, surePages } from '../domain/catalog/classify.ts';
import { PackedPages, placeText } from '../domain/catalog/numbered.ts';
import type { RebuildMove, RebuildOutcome, RebuildState } from '../domain/catalog/rebuild.ts';
import { isSealfolioError, SealfolioError } from '../domain/errors.ts';
import {
  type Archive,
  archivesIn,
  type ArchiveVersion,
  catalogAt,
  catalogDigest,
  type CatalogJob,
  type CatalogJobRow,
  type CatalogSuggestion,
  editBlock,
  keepSuggestions,
  numberSuggestions,
  placeOf,
  signEdit,
  type SuggestedPage,
  templateFor,
  type User,
  withKept,
  writeEdit,
} from '../platform/store/index.ts';
import type { ActivityDeps } from './deps.ts';
import { suggestedPages } from './page-texts.ts';

/** Codes that waiting may put right: the archive is not failed by them, the activity is tried again. */
const TRANSIENT = new Set(['card-unavailable', 'ledger-unavailable', 'temporal-unavailable', 'disk-full']);
/** Tries of one archive that is arranged by someone else meanwhile. */
const MOST_TRIES = 5;

interface OneOf {
  rebuildId: string;
  archiveId: string;
}
type CatalogDeps = Pick<ActivityDeps, 'store' | 'keys' | 'memberId' | 'signals' | 'titles' | 'logger'>;

type Result = Omit<CatalogJobRow, 'rebuildId' | 'archiveId'>;

/**
 * What a job would make of a catalogue. `mayMove`: sure pages go where they belong, and the template becomes that of today;
 * not where a person arranged it, nor where only suggestions were asked for.
 */
function wantedOf(
  template: CatalogTemplate,
  before: Catalog,
  packed: PackedPages,
  pages: readonly SuggestedPage[],
  mayMove: boolean,
): { catalog: Catalog; result: Result } {
  const nodes = packed.number(before);
  const doubtful = doubtfulPages(nodes, numberSuggestions(packed, pages));
  const sure = mayMove ? surePages(template, doubtful) : [];
  const moves = sure.map(({ page, lies, suggested }): RebuildMove => {
    const { type: to, confidence } = suggested!;
    return { page, from: lies, to, confidence };
  });
  const { templateVersion: from } = before;
  const to = mayMove ? template.version : from;
  const moved = reclassify(
    template,
    nodes,
    moves.map(({ page, to: type }) => ({ page, type })),
  );
  const catalog: Catalog = {
    ...before,
    templateVersion: to,
    nodes: moves.length === 0 ? before.nodes : packed.refer(moved),
  };
  const result: Result = {
    outcome: catalogDigest(catalog) === catalogDigest(before) ? 'unchanged' : 'changed',
    moves,
    doubtful: doubtful.length - moves.length,
    ...(from !== to && { template: { from, to } }),
  };
  return { catalog, result };
}

/** What catalogRebuildWorkflow does to the world: archive by archive, each with a result of its own. */
export function createCataloguingActivities(deps: CatalogDeps) {
  const { store, signals, titles, logger } = deps;
  const { models } = store;
  const { Archive, ArchiveVersion, CatalogEdit, CatalogJob, CatalogJobRow, CatalogSuggestion, User } = models;

  async function jobOf(rebuildId: string): Promise<CatalogJob> {
    const job = await CatalogJob.findOne({ rebuildId }).lean<CatalogJob>();
    if (job === null) throw new SealfolioError('rebuild-not-found', { rebuildId });
    return job;
  }

  const look = (template: CatalogTemplate, archive: Archive, version: ArchiveVersion) =>
    suggestedPages(store, titles, template, archive, version);

  /** The archive is changed at the word of who started the job: that person must still be one who may. */
  async function requirePower({ by }: CatalogJob): Promise<void> {
    const user = await User.findOne({ username: by, disabled: false }).lean<User>();
    if (user === null || !isPermitted(user.roles, 'catalog:write'))
      throw new SealfolioError('permission-denied', { permission: 'catalog:write' });
  }

  const nothing = (outcome: RebuildOutcome, code: string): Result => ({ outcome, code, moves: [], doubtful: 0 });

  /** What a job makes of an archive, by its catalogue of now; null if someone arranged it meanwhile. */
  async function rebuild(job: CatalogJob, archiveId: string, seen: typeof look): Promise<Result | null> {
    const archive = (await Archive.findOne({ archiveId }).lean<Archive>())!;
    const block = await editBlock(models, archive);
    if (block !== null) return nothing('skipped', block);
    const base = placeOf(archive);
    const [before, version, template] = await Promise.all([
      catalogAt(models, archiveId, base),
      ArchiveVersion.findOne({ archiveId, version: base.version }).lean<ArchiveVersion>(),
      templateFor(models, archive),
    ]);
    if (before === null || version === null) throw new SealfolioError('version-not-found', { archiveId });
    const [found, kept, byPerson] = await Promise.all([
      seen(template, archive, version),
      CatalogSuggestion.findOne({ archiveId }).lean<CatalogSuggestion>(),
      CatalogEdit.exists({ archiveId, rebuildId: { $exists: false } }),
    ]);
    const pages = withKept(found, kept?.pages ?? []);
    const mayMove = job.mode !== 'suggest' && byPerson === null;
    const { catalog, result } = wantedOf(template, before, new PackedPages(version.catalog), pages, mayMove);
    if (job.mode === 'dryRun') return result;
    if (result.outcome === 'changed') {
      await requirePower(job);
      const { by, reason, rebuildId } = job;
      const place = placeText({ ...base, edit: base.edit + 1 });
      await store.trace.append({
        actor: { type: 'system', id: 'catalogRebuild', roles: [] },
        action: 'catalog.rebuilt',
        object: { type: 'archive', id: archiveId },
        archiveId,
        reason,
        details: { place, rebuildId, moved: result.moves.length },
        result: 'allowed',
        requestId: rebuildId,
      });
      const signed = await signEdit(deps, { archiveId, base, before, catalog, by, reason });
      if (!(await writeEdit(store, { ...signed, rebuildId }, archive))) return null;
      result.place = place;
      await signals.backlog();
    }
    // Under a number that was corrected meanwhile nothing is kept: who corrected it has the pages looked at again.
    await keepSuggestions(store, archive, template, pages);
    return result;
  }

  /** The same archive of the same job again is the same answer. */
  async function attempt(job: CatalogJob, archiveId: string): Promise<Result> {
    const { rebuildId } = job;
    const made = await CatalogEdit.findOne({ archiveId, rebuildId }).lean<{ version: number; edit: number }>();
    if (made !== null) {
      // An earlier try was killed after it had written the edit.
      const again = await rebuild({ ...job, mode: 'suggest' }, archiveId, look);
      const doubtful = again?.doubtful ?? 0;
      return { outcome: 'changed', moves: [], doubtful, place: placeText(made) };
    }
    let pages: Promise<SuggestedPage[]> | undefined;
    for (let i = 0; i < MOST_TRIES; i += 1) {
      const result = await rebuild(job, archiveId, (...of) => (pages ??= look(...of)));
      if (result !== null) return result;
      pages = undefined;
    }
    return nothing('skipped', 'catalog-changed');
  }

  return {
    /** The next archives of a job's range, in the order of discharge. `after`: where it goes on; null at the end. */
    async nextOfRebuild({
      rebuildId,
      after,
      limit,
    }: {
      rebuildId: string;
      after: string | null;
      limit: number;
    }): Promise<{ archiveIds: string[]; after: string | null }> {
      const { range } = await jobOf(rebuildId);
      const { archiveId, templateVersion } = range;
      if (archiveId !== undefined) return { archiveIds: after === null ? [archiveId] : [], after: null };
      const last = after === null ? null : await Archive.findOne({ archiveId: after }).lean<Row>();
      const on = archivesIn(range);
      const later = (place: Row) => ({
        $or: [
          { ...on, dischargedAt: place.dischargedAt, _id: { $gt: place._id } },
          { ...on, dischargedAt: { ...on.dischargedAt, $gt: place.dischargedAt } },
        ],
      });
      const rows = await Archive.find(last === null ? on : later(last))
        .sort({ dischargedAt: 1, _id: 1 })
        .limit(limit)
        .lean<Row[]>();
      const chosen: string[] = [];
      for (const row of rows) {
        const catalog = templateVersion === undefined ? null : await catalogAt(models, row.archiveId, placeOf(row));
        if (templateVersion === undefined || catalog?.templateVersion === templateVersion) chosen.push(row.archiveId);
      }
      return { archiveIds: chosen, after: rows.length < limit ? null : rows.at(-1)!.archiveId };
    },

    /** One archive of a job. What cannot be put right by waiting is its result, not the job's end. */
    async rebuildArchive({ rebuildId, archiveId }: OneOf): Promise<RebuildOutcome> {
      const known = await CatalogJobRow.findOne({ rebuildId, archiveId }).lean<CatalogJobRow>();
      if (known !== null) return known.outcome;
      const job = await jobOf(rebuildId);
      let result: Result;
      try {
        result = await attempt(job, archiveId);
      } catch (error) {
        if (!isSealfolioError(error) || TRANSIENT.has(error.code)) throw error;
        result = nothing('failed', error.code);
      }
      await CatalogJobRow.updateOne({ rebuildId, archiveId }, { $setOnInsert: result }, { upsert: true });
      return result.outcome;
    },

    /** Shows how a job stands. */
    async recordRebuild({ rebuildId, state }: { rebuildId: string; state: RebuildState }): Promise<void> {
      const isEnd = state === 'done' || state === 'cancelled';
      await CatalogJob.updateOne({ rebuildId }, { $set: { state, ...(isEnd && { endedAt: new Date() }) } });
      if (isEnd) logger.info({ rebuildId, state }, 'rebuild ended');
    },
  };
}
type Row = Archive & { _id: Types.ObjectId };

export type CataloguingActivities = ReturnType<typeof createCataloguingActivities>;

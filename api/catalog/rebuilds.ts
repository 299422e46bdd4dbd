import { WorkflowNotFoundError } from '@temporalio/client';
import { ulid } from 'ulid';
import { z } from 'zod';
import {
  REBUILD_MODES,
  REBUILD_OUTCOMES,
  REBUILD_STATES,
  type RebuildMode,
  type RebuildOutcome,
  type RebuildState,
} from '../../domain/catalog/rebuild.ts';
import { SealfolioError } from '../../domain/errors.ts';
import { type Archive, archivesIn, type CatalogJob, type CatalogJobRow } from '../../platform/store/index.ts';
import {
  catalogRebuildWorkflowId,
  pauseSignal,
  REBUILD_PAGES_PER_RUN,
  resumeSignal,
  TaskQueue,
  WorkflowName,
} from '../../workflows/shared.ts';
import { text } from '../batches/schemas.ts';
import type { ApiDeps } from '../deps.ts';
import { PROBLEMS } from '../problems.ts';
import { type Call, type Route, route } from '../route.ts';
import { traced } from '../traced.ts';
import { reason } from './schemas.ts';

const keysOf = <K extends string>(of: Record<K, unknown>) => Object.keys(of) as [K, ...K[]];
const params = z.object({ rebuildId: z.string().regex(/^rb_[a-z0-9]{1,40}$/) });
const range = z
  .strictObject({
    archiveId: z
      .string()
      .regex(/^ar_[a-z0-9]{1,40}$/)
      .optional(),
    department: text(64).optional(),
    dischargedFrom: z.iso.datetime().optional(),
    dischargedTo: z.iso.datetime().optional(),
    templateVersion: z.int().min(1).optional(),
  })
  .refine((of) => Object.values(of).some((one) => one !== undefined), 'names no range')
  .refine(
    ({ dischargedFrom: from, dischargedTo: to }) => from === undefined || to === undefined || from < to,
    'ends before it begins',
  );
const shownJob = z.object({
  rebuildId: z.string(),
  workflowId: z.string(),
  mode: z.enum(keysOf<RebuildMode>(REBUILD_MODES)),
  state: z.enum(keysOf<RebuildState>(REBUILD_STATES)),
  range,
  reason: z.string(),
  by: z.string(),
  total: z.number(),
  counts: z.object({ changed: z.number(), unchanged: z.number(), skipped: z.number(), failed: z.number() }),
  doubtful: z.number(),
  createdAt: z.string(),
  endedAt: z.string().optional(),
});
const both = z.object({ zh: z.string(), en: z.string() });
const shownRow = z.object({
  archiveId: z.string(),
  patientNo: z.string(),
  patientName: z.string(),
  outcome: z.string(),
  refusal: z.object({ code: z.string(), detail: both }).optional(),
  moves: z.array(z.object({ page: z.number(), from: z.string(), to: z.string(), confidence: z.number() })),
  doubtful: z.number(),
  template: z.object({ from: z.number(), to: z.number() }).optional(),
  place: z.string().optional(),
});
const MOST_JOBS = 50;
const detailOf = (code: string) => {
  const { zh, en } = PROBLEMS[code] ?? PROBLEMS.internal!;
  return { zh, en };
};

/** 目录重建: jobs over a range of archives; with a dry run, and a result for each archive. */
export function rebuildRoutes(deps: ApiDeps): Route[] {
  const { store, temporal, memberId } = deps;
  const { Archive, CatalogJob, CatalogJobRow } = store.models;
  const workflowIdOf = (rebuildId: string) => catalogRebuildWorkflowId(memberId, rebuildId);
  const object = (id: string) => ({ type: 'rebuild', id });

  async function jobOf(rebuildId: string): Promise<CatalogJob> {
    const found = await CatalogJob.findOne({ rebuildId }).lean<CatalogJob>();
    if (found === null) throw new SealfolioError('rebuild-not-found', { rebuildId });
    return found;
  }

  async function shown(jobs: readonly CatalogJob[]) {
    const counts = await CatalogJobRow.aggregate<{
      _id: { rebuildId: string; outcome: RebuildOutcome };
      n: number;
      doubtful: number;
    }>([
      { $match: { rebuildId: { $in: jobs.map(({ rebuildId }) => rebuildId) } } },
      {
        $group: {
          _id: { rebuildId: '$rebuildId', outcome: '$outcome' },
          n: { $sum: 1 },
          doubtful: { $sum: '$doubtful' },
        },
      },
    ]);
    return jobs.map(({ rebuildId, mode, state, range: of, reason: why, by, total, createdAt, endedAt }) => {
      const own = counts.filter(({ _id }) => _id.rebuildId === rebuildId);
      const of_ = (outcome: RebuildOutcome) => own.find(({ _id }) => _id.outcome === outcome)?.n ?? 0;
      return {
        rebuildId,
        workflowId: workflowIdOf(rebuildId),
        mode,
        state,
        range: of,
        reason: why,
        by,
        total,
        counts: {
          changed: of_('changed'),
          unchanged: of_('unchanged'),
          skipped: of_('skipped'),
          failed: of_('failed'),
        },
        doubtful: own.reduce((sum, { doubtful }) => sum + doubtful, 0),
        createdAt: createdAt.toISOString(),
        ...(endedAt !== undefined && { endedAt: endedAt.toISOString() }),
      };
    });
  }

  /** Tells a running job something. Throws rebuild-not-found, rebuild-ended. */
  async function act(
    rebuildId: string,
    action: 'catalog.rebuild.pause' | 'catalog.rebuild.resume' | 'workflow.cancel',
    why: string,
    call: Pick<Call<unknown, unknown, unknown>, 'actor' | 'requestId'>,
  ): Promise<void> {
    const { state } = await jobOf(rebuildId);
    if (state === 'done' || state === 'cancelled') throw new SealfolioError('rebuild-ended', { rebuildId });
    await traced(store, call, action, object(rebuildId), { reason: why });
    const handle = temporal.workflow.getHandle(workflowIdOf(rebuildId));
    try {
      if (action === 'workflow.cancel') await handle.cancel();
      else await handle.signal(action === 'catalog.rebuild.pause' ? pauseSignal : resumeSignal);
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) throw new SealfolioError('rebuild-ended', { rebuildId });
      throw error;
    }
  }
  const acting = (what: 'pause' | 'resume' | 'cancel', summary: string, action: Parameters<typeof act>[1]): Route =>
    route({
      method: 'post',
      path: `/catalog-rebuilds/{rebuildId}/${what}`,
      permission: 'catalog:write',
      summary,
      params,
      body: z.strictObject({ reason }),
      async handle({ params: { rebuildId }, body: { reason: why }, ...call }) {
        await act(rebuildId, action, why, call);
        return undefined;
      },
    });

  return [
    route({
      method: 'post',
      path: '/catalog-rebuilds',
      permission: 'catalog:write',
      summary: 'Look at the pages of a range of archives, and rebuild their catalogues; or say what would be done',
      body: z.strictObject({ mode: z.enum(keysOf<RebuildMode>(REBUILD_MODES)), range, reason }),
      answer: shownJob,
      status: 202,
      async handle({ body: { mode, range: of, reason: why }, ...call }) {
        const total = await Archive.countDocuments(archivesIn(of));
        if (total === 0) throw new SealfolioError('rebuild-empty', { field: 'range' });
        const rebuildId = `rb_${ulid().toLowerCase()}`;
        const details = { mode, archives: total };
        await traced(store, call, 'catalog.rebuild', object(rebuildId), { reason: why, details });
        const by = call.actor.id;
        const job: CatalogJob = {
          rebuildId,
          by,
          mode,
          range: of,
          reason: why,
          state: 'running',
          total,
          createdAt: new Date(),
        };
        await CatalogJob.create(job);
        await temporal.workflow.start(WorkflowName.catalogRebuild, {
          workflowId: workflowIdOf(rebuildId),
          taskQueue: TaskQueue.archiving,
          args: [{ rebuildId, pagesPerRun: REBUILD_PAGES_PER_RUN }],
        });
        call.response.set('Location', `/api/v1/catalog-rebuilds/${rebuildId}`);
        return (await shown([job]))[0]!;
      },
    }),
    route({
      method: 'get',
      path: '/catalog-rebuilds',
      permission: 'catalog:write',
      summary: 'Rebuilds, the latest first',
      answer: z.object({ items: z.array(shownJob) }),
      trace: 'catalog.rebuild.read',
      async handle() {
        const jobs = await CatalogJob.find().sort({ createdAt: -1 }).limit(MOST_JOBS).lean<CatalogJob[]>();
        return { items: await shown(jobs) };
      },
    }),
    route({
      method: 'get',
      path: '/catalog-rebuilds/{rebuildId}',
      permission: 'catalog:write',
      summary: 'A rebuild, and what became of each archive (in a dry run: what would have)',
      params,
      query: z.object({
        outcome: z.enum(keysOf<RebuildOutcome>(REBUILD_OUTCOMES)).optional(),
        after: z.string().max(64).optional(),
        limit: z.coerce.number().int().min(1).max(200).default(100),
      }),
      answer: z.object({ job: shownJob, rows: z.array(shownRow), nextAfter: z.string().nullable() }),
      trace: 'catalog.rebuild.read',
      async handle({ params: { rebuildId }, query: { outcome, after, limit } }) {
        const [job] = await shown([await jobOf(rebuildId)]);
        const found = await CatalogJobRow.find({
          rebuildId,
          ...(outcome !== undefined && { outcome }),
          ...(after !== undefined && { archiveId: { $gt: after } }),
        })
          .sort({ archiveId: 1 })
          .limit(limit + 1)
          .lean<CatalogJobRow[]>();
        const page = found.slice(0, limit);
        const ids = page.map(({ archiveId }) => archiveId);
        const archives = await Archive.find({ archiveId: { $in: ids } }).lean<Archive[]>();
        const rows = page.map(({ archiveId, outcome: became, code, moves, doubtful, template, place }) => {
          const archive = archives.find((one) => one.archiveId === archiveId);
          return {
            archiveId,
            patientNo: archive?.patientNo ?? '',
            patientName: archive?.patientName ?? '',
            outcome: became,
            ...(code !== undefined && { refusal: { code, detail: detailOf(code) } }),
            moves,
            doubtful,
            ...(template !== undefined && { template }),
            ...(place !== undefined && { place }),
          };
        });
        return { job: job!, rows, nextAfter: found.length > limit ? page.at(-1)!.archiveId : null };
      },
    }),
    acting('pause', 'Pauses between two archives', 'catalog.rebuild.pause'),
    acting('resume', 'Goes on where it stood', 'catalog.rebuild.resume'),
    acting('cancel', 'Ends it; what it has done stays', 'workflow.cancel'),
  ];
}

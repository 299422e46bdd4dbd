import { z } from 'zod';
import { BatchState, PartState } from '../../domain/status.ts';
import type { Batch, Station } from '../../platform/store/index.ts';
import type { ApiDeps } from '../deps.ts';
import { type Route, route } from '../route.ts';
import { diskNow } from '../system/disk.ts';
import { scannerIdSchema } from './schemas.ts';

const MOST = 200;
const MOST_LYING = 1_000_000;
const WEEK_DAYS = 7;
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
/** What a week took is asked for once in a while only: it reads the week's batches. */
const WEEK_FOR_MS = 60_000;
/** What is not at its end yet, or needs a person. */
const OPEN = [
  BatchState.receiving,
  BatchState.parked,
  BatchState.checking,
  BatchState.awaitingCatalog,
  BatchState.partlyFailed,
] as const;

/** A station was heard of: it announced, sent or committed something, or said what lies with it. */
export async function stationSeen(
  { store }: Pick<ApiDeps, 'store'>,
  { sender, scannerId = '' }: { sender: string; scannerId?: string | undefined },
  lying: Pick<Station, 'waiting' | 'refused'> = {},
): Promise<Date> {
  const lastContactAt = new Date();
  await store.models.Station.updateOne({ sender, scannerId }, { $set: { lastContactAt, ...lying } }, { upsert: true });
  return lastContactAt;
}

/** Bytes that were announced in the last week. */
async function weekBytes({ store }: ApiDeps): Promise<number> {
  const [sum] = await store.models.Batch.aggregate<{ bytes: number }>([
    { $match: { createdAt: { $gt: new Date(Date.now() - WEEK_DAYS * DAY_MS) } } },
    { $group: { _id: null, bytes: { $sum: { $sum: '$parts.bytes' } } } },
  ]);
  return sum?.bytes ?? 0;
}

/** How many batches of each station are in each open state. */
async function backlogs({ store }: ApiDeps): Promise<Map<string, Partial<Record<Batch['state'], number>>>> {
  const counts = await store.models.Batch.aggregate<{
    _id: { sender: string; scannerId?: string; state: Batch['state'] };
    n: number;
  }>([
    { $match: { state: { $in: OPEN }, isRetried: { $ne: true } } },
    { $group: { _id: { sender: '$sender', scannerId: '$scannerId', state: '$state' }, n: { $sum: 1 } } },
  ]);
  const found = new Map<string, Partial<Record<Batch['state'], number>>>();
  for (const { _id, n } of counts) {
    const station = keyOf({ sender: _id.sender, scannerId: _id.scannerId ?? '' });
    found.set(station, { ...found.get(station), [_id.state]: n });
  }
  return found;
}

/** What came in and was not refused. */
const HERE = [PartState.received, PartState.accepted];

interface Intake {
  pages: number;
  bytes: number;
}

/** What each station brought of the batches that it announced in the last hour. */
async function intakes({ store }: ApiDeps): Promise<Map<string, Intake>> {
  const here = { $filter: { input: '$parts', as: 'part', cond: { $in: ['$$part.state', HERE] } } };
  const sums = await store.models.Batch.aggregate<Intake & { _id: { sender: string; scannerId?: string } }>([
    { $match: { createdAt: { $gt: new Date(Date.now() - HOUR_MS) } } },
    { $project: { sender: 1, scannerId: 1, here } },
    {
      $group: {
        _id: { sender: '$sender', scannerId: '$scannerId' },
        pages: { $sum: { $sum: '$here.pageCount' } },
        bytes: { $sum: { $sum: '$here.bytes' } },
      },
    },
  ]);
  return new Map(
    sums.map(({ _id: { sender, scannerId = '' }, pages, bytes }) => [keyOf({ sender, scannerId }), { pages, bytes }]),
  );
}

const keyOf = ({ sender, scannerId }: Pick<Station, 'sender' | 'scannerId'>) => `${sender}\0${scannerId}`;

export function stationRoutes(deps: ApiDeps): Route[] {
  let week: { at: number; bytes: number } | null = null;
  return [
    route({
      method: 'post',
      path: '/stations/contact',
      permission: 'batch:write',
      summary: 'A station is there, and says what lies with it',
      body: z.strictObject({
        scannerId: scannerIdSchema,
        waiting: z.int().min(0).max(MOST_LYING),
        refused: z.int().min(0).max(MOST_LYING),
      }),
      answer: z.object({ lastContactAt: z.string() }),
      async handle({ body: { scannerId, ...lying }, actor }) {
        const lastContactAt = await stationSeen(deps, { sender: actor.id, scannerId }, lying);
        return { lastContactAt: lastContactAt.toISOString() };
      },
    }),
    route({
      method: 'get',
      path: '/stations',
      permission: 'batch:read',
      trace: 'station.search',
      summary: 'Scan stations by their last contact, with what each has under way, and how long the disk will do',
      answer: z.object({
        disk: z.object({
          usedFraction: z.number(),
          freeBytes: z.number(),
          level: z.enum(['ok', 'low', 'full']),
          /** Until nothing more is taken in, at the rate of the last week; null if nothing came. */
          daysLeft: z.number().nullable(),
        }),
        items: z.array(
          z.object({
            sender: z.string(),
            scannerId: z.string(),
            lastContactAt: z.string(),
            /** Visits that lie with the station and are not in yet, and those it keeps as refused; null if it does not say. */
            waiting: z.number().nullable(),
            refused: z.number().nullable(),
            backlog: z.object({
              receiving: z.number(),
              parked: z.number(),
              checking: z.number(),
              awaitingCatalog: z.number(),
              partlyFailed: z.number(),
            }),
            /** What is here of the batches that it announced in the last hour. */
            lastHour: z.object({ pages: z.number(), bytes: z.number() }),
          }),
        ),
      }),
      async handle() {
        if (week === null || Date.now() - week.at > WEEK_FOR_MS)
          week = { at: Date.now(), bytes: await weekBytes(deps) };
        const [{ totalBytes, ...disk }, backlog, lastHour, stations] = await Promise.all([
          diskNow(deps),
          backlogs(deps),
          intakes(deps),
          deps.store.models.Station.find().sort({ lastContactAt: -1 }).limit(MOST).lean<Station[]>(),
        ]);
        const room = Math.max(disk.freeBytes - (1 - deps.disk.refuseAt) * totalBytes, 0);
        return {
          disk: { ...disk, daysLeft: week.bytes === 0 ? null : Math.floor(room / (week.bytes / WEEK_DAYS)) },
          items: stations.map(({ sender, scannerId, lastContactAt, waiting = null, refused = null }) => ({
            sender,
            scannerId,
            lastContactAt: lastContactAt.toISOString(),
            waiting,
            refused,
            backlog: {
              ...Object.fromEntries(OPEN.map((state) => [state, 0])),
              ...backlog.get(keyOf({ sender, scannerId })),
            },
            lastHour: lastHour.get(keyOf({ sender, scannerId })) ?? { pages: 0, bytes: 0 },
          })),
        };
      },
    }),
  ];
}

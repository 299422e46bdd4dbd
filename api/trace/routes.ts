import { z } from 'zod';
import { SealfolioError } from '../../domain/errors.ts';
import { Quorum } from '../../platform/ledger/quorum.ts';
import type { TraceBatch, TraceEntry } from '../../platform/store/index.ts';
import type { ApiDeps } from '../deps.ts';
import { displayNames } from '../people/names.ts';
import { codeOf, PROBLEMS } from '../problems.ts';
import { type Route, route } from '../route.ts';
import { traced } from '../traced.ts';
import { lagOf, traceLag } from './lag.ts';
import { listTrace, lookedFor, placesOf, traceFilter } from './list.ts';
import { rowOf, verifyTrace } from './verify.ts';

const MAX_LIST = 200;
const HASH_BYTES = 32;
const shownEntry = z.object({
  seq: z.number(),
  at: z.string(),
  actor: z.object({ type: z.string(), id: z.string(), roles: z.array(z.string()) }).loose(),
  action: z.string(),
  kind: z.string(),
  object: z.object({ type: z.string(), id: z.string() }),
  result: z.string(),
  hash: z.string(),
  place: z.object({ height: z.number(), txId: z.string(), at: z.string() }).optional().describe('Where it is attested'),
});
const entryShown = (row: TraceEntry, batch: TraceBatch | undefined) => {
  const { mac: _mac, previousHash: _previous, requestId: _request, ...rest } = row;
  const { height, txId, at } = batch?.attestation ?? {};
  return {
    ...rest,
    at: row.at.toISOString(),
    ...(batch !== undefined && { place: { height, txId, at: at!.toISOString() } }),
  };
};

/** 追溯 (A7): who did what, and that nothing of it was changed since. */
export function traceRoutes(deps: ApiDeps): Route[] {
  const { store, ledger } = deps;
  const { TraceBatch, TraceEntry } = store.models;
  const quorum = new Quorum(deps.witnesses, deps.trust);

  return [
    route({
      method: 'get',
      path: '/trace',
      permission: 'trace:read',
      summary: 'The trace, newest first: by archive, person, patient or loan; reading it leaves a trace',
      query: traceFilter.extend({
        before: z.coerce.number().int().min(1).optional(),
        limit: z.coerce.number().int().min(1).max(MAX_LIST).default(50),
      }),
      answer: z.object({
        items: z.array(shownEntry),
        names: z.record(z.string(), z.string()),
        nextBefore: z.number().nullable(),
        lag: traceLag,
        searchedTo: z.string().nullable().describe('The page ended early: entries were looked at back to this instant'),
      }),
      trace: 'trace.read',
      traceOf: ({ query: { before, limit: _limit, ...filter } }) =>
        lookedFor(store, filter).then(({ details, ...more }) => ({
          ...more,
          details: { ...details, ...(before !== undefined && { before }) },
        })),
      async handle({ query: { before, limit, ...filter } }) {
        const { rows, nextBefore, searchedTo } = await listTrace(store, filter, { before, limit });
        const [lag, places, names] = await Promise.all([
          lagOf(deps),
          placesOf(store, rows),
          displayNames(
            store,
            rows.map(({ actor }) => actor.id),
          ),
        ]);
        return {
          items: rows.map((row) => entryShown(row, places.get(row.seq))),
          names,
          nextBefore,
          lag,
          searchedTo: searchedTo?.toISOString() ?? null,
        };
      },
    }),
    route({
      method: 'get',
      path: '/trace/{seq}/proof',
      permission: 'trace:read',
      summary:
        'An entry as it is stored, the digests of its batch, and the ledger’s proof of that: all that checking it needs',
      params: z.object({ seq: z.coerce.number().int().min(1) }),
      answer: z.object({ row: z.unknown(), leaves: z.array(z.string()), manifest: z.unknown(), ledger: z.unknown() }),
      trace: 'trace.proof',
      async handle({ params: { seq } }) {
        const [row, batch] = await Promise.all([
          TraceEntry.collection.findOne({ seq }, { projection: { _id: 0, mac: 0 } }),
          TraceBatch.findOne({ from: { $lte: seq } })
            .sort({ from: -1 })
            .lean<TraceBatch>(),
        ]);
        if (row === null) throw new SealfolioError('trace-entry-not-found', { seq });
        const { attestation, manifest, to } = batch ?? {};
        if (attestation === undefined || to! < seq) throw new SealfolioError('receipt-not-found', { seq });
        const packed = batch!.leaves as unknown as { toString(encoding: 'hex'): string };
        const hex = Buffer.isBuffer(packed)
          ? packed.toString('hex')
          : Buffer.from((packed as never as { buffer: Uint8Array }).buffer).toString('hex');
        const leaves = hex.match(new RegExp(`.{${2 * HASH_BYTES}}`, 'g')) ?? [];
        return {
          row: rowOf(row),
          leaves,
          manifest,
          ledger: await ledger.receipt(attestation.txId, attestation.indexInTx),
        };
      },
    }),
    route({
      method: 'post',
      path: '/trace/verification',
      permission: 'trace:read',
      summary:
        'Every entry checked against the chain and a quorum; progress and findings as they come (application/x-ndjson)',
      async handle({ response, ...call }) {
        await traced(store, call, 'trace.verify', { type: 'trace', id: 'all' });
        let isOpen = true;
        response.once('close', () => (isOpen = false));
        const tell = async (line: object): Promise<void> => {
          if (!isOpen) throw new Gone();
          if (!response.headersSent)
            response.writeHead(200, {
              'Content-Type': 'application/x-ndjson',
              'Cache-Control': 'no-store',
              'X-Accel-Buffering': 'no',
            });
          if (response.write(`${JSON.stringify(line)}\n`)) return;
          await new Promise<void>((done) => {
            response.once('drain', done);
            response.once('close', done);
          });
        };
        try {
          await verifyTrace(deps, quorum, tell);
        } catch (error) {
          if (error instanceof Gone) return;
          if (!response.headersSent) throw error;
          // The answer has begun: what broke it off is its last line.
          const { code } = codeOf(error);
          const { zh, en } = PROBLEMS[code] ?? PROBLEMS.internal!;
          deps.logger.error({ requestId: call.requestId, code, err: error }, 'verification broke off');
          response.write(`${JSON.stringify({ type: 'broken', code, detail: { zh, en } })}\n`);
        }
        response.end();
      },
    }),
  ];
}

/** Whoever asked has left. */
class Gone extends Error {}

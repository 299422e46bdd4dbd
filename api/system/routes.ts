import { z } from 'zod';
import { BatchState } from '../../domain/status.ts';
import { cryptoStatus } from '../../platform/crypto/index.ts';
import { MAX_SKEW_MS } from '../../platform/store/index.ts';
import type { ApiDeps } from '../deps.ts';
import { type Route, route } from '../route.ts';
import { lagOf } from '../trace/lag.ts';
import { diskNow } from './disk.ts';

const service = z.object({ state: z.enum(['ok', 'degraded', 'down']), detail: z.record(z.string(), z.unknown()) });
type Service = z.infer<typeof service>;

/** Asks one part how it is; what does not answer is down, with the reason. */
async function ask(probe: () => Promise<Record<string, unknown> & { state?: Service['state'] }>): Promise<Service> {
  try {
    const { state = 'ok', ...detail } = await probe();
    return { state, detail };
  } catch (error) {
    const { code, data } = error as { code?: unknown; data?: Record<string, unknown> };
    return { state: 'down', detail: { code: typeof code === 'string' ? code : 'unavailable', ...data } };
  }
}

export function systemRoutes(deps: ApiDeps): Route[] {
  const { store, card, ledger, temporal, trust, memberId, memberName, temporalUiUrl, explorerUrl } = deps;
  const { Batch, OutboxItem } = store.models;
  const probes = {
    card: async () => {
      await card.selfTest();
      return { ...card.status(), state: 'ok' as const };
    },
    database: async () => {
      if (!(await store.ping())) throw Object.assign(new Error('down'), { code: 'database-unavailable' });
      return {};
    },
    ledger: async () => {
      const { height, headTime, logSize, peers, syncing, waiting, evidence, quorum } = await ledger.status();
      const missing = peers.filter(({ connected }) => !connected).map((peer) => peer.memberId);
      return {
        state: missing.length > 0 || syncing || quorum.linked < quorum.needed ? 'degraded' : 'ok',
        height,
        headTime,
        logSize,
        waiting,
        evidence,
        ...quorum,
        missing,
        ...(explorerUrl !== null && { explorerUrl }),
      } as const;
    },
    trace: async () => {
      const { waiting, since, isBehind, ...rule } = await lagOf(deps);
      return { state: isBehind ? 'degraded' : 'ok', waitingRows: waiting, since, ...rule } as const;
    },
    workflows: async () => {
      const { capabilities: _all, ...info } = await temporal.workflowService.getSystemInfo({});
      return { serverVersion: info.serverVersion, uiUrl: temporalUiUrl };
    },
    clock: async () => {
      const skewMs = await store.skew();
      // Blocks are of a time that most members had reached: whoever is before it is behind, and all of this machine may be.
      const aheadMs = await ledger.status().then(
        ({ headTime }) => Date.parse(headTime) - Date.now(),
        () => 0,
      );
      const behindLedgerMs = Math.max(0, aheadMs);
      const isOff = Math.max(Math.abs(skewMs), behindLedgerMs) > MAX_SKEW_MS;
      return { state: isOff ? 'degraded' : 'ok', skewMs, behindLedgerMs } as const;
    },
    crypto: () => Promise.resolve({ ...cryptoStatus() }),
    disk: async () => {
      const { level, usedFraction, freeBytes } = await diskNow(deps);
      return {
        state: level === 'ok' ? 'ok' : 'degraded',
        usedFraction,
        freeBytes,
        ...(level === 'full' && { code: 'disk-full' }),
      } as const;
    },
  };

  return [
    route({
      method: 'get',
      path: '/status',
      permission: 'status:read',
      trace: 'system.status',
      summary: 'The card and every service, as they are now',
      answer: z.object({
        member: z.object({ memberId: z.string(), name: z.string() }),
        at: z.string(),
        services: z.record(z.string(), service),
        backlog: z.object({ outbox: z.number(), batches: z.number() }),
      }),
      async handle() {
        const names = Object.keys(probes) as (keyof typeof probes)[];
        const [outbox, batches, ...states] = await Promise.all([
          OutboxItem.countDocuments({ state: { $ne: 'final' } }),
          Batch.countDocuments({
            state: { $in: [BatchState.receiving, BatchState.checking, BatchState.awaitingCatalog] },
          }),
          ...names.map((name) => ask(probes[name])),
        ]);
        return {
          member: { memberId, name: memberName },
          at: new Date().toISOString(),
          services: Object.fromEntries(names.map((name, i) => [name, states[i]])),
          backlog: { outbox, batches },
        };
      },
    }),
    route({
      method: 'get',
      path: '/trust',
      permission: 'public',
      summary: 'The trust anchor: compare it with what the other members publish',
      answer: z.object({ chainId: z.string(), genesisHash: z.string(), membersHash: z.string() }),
      handle: () => Promise.resolve(trust),
    }),
  ];
}

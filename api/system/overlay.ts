import { z } from 'zod';
import { overlayStatus } from '../../platform/ledger/client.ts';
import type { ApiDeps } from '../deps.ts';
import { type Route, route } from '../route.ts';

/** How the other members are reached, for those who look after this one. */
export function overlayRoutes({ ledger }: ApiDeps): Route[] {
  return [
    route({
      method: 'get',
      path: '/overlay',
      permission: 'status:read',
      trace: 'system.overlay',
      summary: 'The overlay as this member sees it: each member, how it is reached, certificates; null without one',
      answer: z.object({ overlay: overlayStatus.nullable() }),
      handle: async () => ({ overlay: await ledger.overlay() }),
    }),
  ];
}

import type { Payload } from '@temporalio/common';
import { z } from 'zod';
import type { ApiDeps } from '../deps.ts';
import { type Route, route } from '../route.ts';
import { traced } from '../traced.ts';

const MOST_PAYLOADS = 500;
const base64 = z.base64();
const payload = z.object({ metadata: z.record(z.string(), base64).optional(), data: base64.optional() });
const body = z.object({ payloads: z.array(payload).max(MOST_PAYLOADS) });

/** Remote codec of Temporal's own pages (docs.temporal.io, Codec Server): what they show in clear, to those who may. */
export function codecRoutes({ store, codec }: ApiDeps): Route[] {
  return [
    route({
      method: 'post',
      path: '/codec/decode',
      permission: 'workflow:decode',
      summary: 'Decodes payloads for Temporal’s own pages; asked from there, with the person’s own session',
      fromTemporalUi: true,
      body,
      answer: body,
      async handle({ body: { payloads }, ...call }) {
        const namespace = call.request.header('x-namespace') ?? '';
        const details = { payloads: payloads.length };
        await traced(store, call, 'workflow.decode', { type: 'namespace', id: namespace.slice(0, 64) }, { details });
        const encoded = payloads.map(({ metadata = {}, data = '' }): Payload => ({
          metadata: Object.fromEntries(
            Object.entries(metadata).map(([key, value]) => [key, Buffer.from(value, 'base64')]),
          ),
          data: Buffer.from(data, 'base64'),
        }));
        const decoded = await codec.decode(encoded);
        return {
          payloads: decoded.map(({ metadata, data }) => ({
            metadata: Object.fromEntries(
              Object.entries(metadata ?? {}).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
            ),
            data: Buffer.from(data ?? []).toString('base64'),
          })),
        };
      },
    }),
  ];
}

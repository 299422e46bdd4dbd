import { z } from 'zod';
import { nameSchema, portSchema } from '../../platform/config/schemas.ts';
import { serviceSchema } from './policy.ts';
import { OWN_SERVICES } from './session/sessions.ts';

const text = z.string().min(1);
const address = { host: text, port: portSchema };

/** What this member offers by this name, if the policy lets others reach it. */
const offered = z.strictObject({
  ...address,
  /** With `http` each request says which member it is of, in X-Overlay-Member; `tcp` carries bytes as they are. */
  protocol: z.enum(['tcp', 'http']).default('tcp'),
});

/** The `overlay` part of a node's configuration. Relays, addresses, authorities and rules are the policy's, on the chain. */
export const overlaySchema = z.strictObject({
  /** A listener of its own; without it a relay, or who has an address in the policy, takes links on the p2p port. */
  listen: z.strictObject(address).optional(),
  /** An HTTP proxy that outgoing links go through. */
  proxy: z.strictObject({ url: z.url({ protocol: /^http$/ }), credentialsFile: text.optional() }).optional(),
  services: z
    .record(
      serviceSchema.refine((name) => !name.startsWith(OWN_SERVICES), `names in ${OWN_SERVICES} are the overlay’s own`),
      offered,
    )
    .default({}),
  /** Local ports that lead to others' services. */
  forwards: z
    .array(z.strictObject({ listen: z.strictObject(address), member: nameSchema, service: serviceSchema }))
    .max(256)
    .default([]),
  /** Who may use the HTTP gateway: programs on this machine only, unless said otherwise. */
  gateway: z.enum(['loopback', 'any', 'off']).default('loopback'),
  /** What one other member may send here in a second. */
  maxMegabytesPerSecond: z.number().positive().default(512),
  /** Seconds without a stream, after which a session ends; and after which a long one is settled in part. */
  idleSeconds: z.number().positive().default(300),
  partSeconds: z.number().positive().default(3600),
});
export type OverlayConfig = z.output<typeof overlaySchema>;
export type OverlayConfigInput = z.input<typeof overlaySchema>;

import { z } from 'zod';
import { cardSchema, logLevelSchema, nameSchema, portSchema } from '../platform/config/schemas.ts';
import { overlaySchema } from './overlay/config.ts';
import { LEDGER_SERVICE } from './overlay/session/sessions.ts';

const text = z.string().min(1);
const LOOPBACK = ['127.0.0.1', '::1', 'localhost'];
const listen = { host: text, port: portSchema };

const schema = z.strictObject({
  memberId: nameSchema,
  genesisFile: text,
  dataDir: text,
  /** The ledger key: wrapped by the card, unwrapped into memory only. */
  keyFile: text,
  /** A key that the member rotates to: used from the block on in which the members adopt it. */
  nextKeyFile: text.optional(),
  card: cardSchema,
  rpc: z.strictObject({
    ...listen,
    /** Where other members' nodes answer readers: the explorer offers them for comparison. */
    others: z
      .array(z.strictObject({ memberId: nameSchema, url: z.url() }))
      .max(256)
      .default([]),
  }),
  p2p: z.strictObject({ ...listen, certFile: text, keyFile: text, caFile: text }),
  /** Of two members the lower id dials; `dial` says otherwise, where the other does not know our address. */
  peers: z.array(z.strictObject({ memberId: nameSchema, url: z.url(), dial: z.boolean().optional() })).max(256),
  /** How a node without a store begins; an observer may take a snapshot. */
  sync: z.enum(['blocks', 'snapshot']).default('blocks'),
  /** Without it the node has no overlay. */
  overlay: overlaySchema.optional(),
  log: z.strictObject({ level: logLevelSchema }).default({ level: 'info' }),
});

/** Configuration of a node. */
export const nodeConfigSchema = schema.superRefine(({ rpc, p2p, overlay }, context) => {
  // Only of http does the gateway see that it is another member that asks.
  for (const [name, { port, protocol }] of Object.entries(overlay?.services ?? {}))
    if (port === rpc.port && protocol !== 'http')
      context.addIssue({
        code: 'custom',
        path: ['overlay', 'services', name, 'protocol'],
        message: 'the node’s own port is offered as http',
      });
  // Its sessions are never ended for what the node does not know: by them it comes to know it.
  const own = [...LOOPBACK, p2p.host];
  for (const [name, { host, port }] of Object.entries(overlay?.services ?? {}))
    if (name === LEDGER_SERVICE ? port !== p2p.port : port === p2p.port && own.includes(host))
      context.addIssue({
        code: 'custom',
        path: ['overlay', 'services', name, 'port'],
        message: `the p2p port is offered as ${LEDGER_SERVICE}, and nothing else is`,
      });
});
export type NodeConfig = z.input<typeof nodeConfigSchema>;
export type ReadNodeConfig = z.output<typeof nodeConfigSchema>;

/** A key as it lies in its file. */
export const wrappedKeySchema = z.strictObject({ wrappedKey: z.hex(), keyId: text });

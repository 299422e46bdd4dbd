import { z } from 'zod';

export const portSchema = z.int().min(1).max(65_535);
export const nameSchema = z.string().regex(/^[A-Za-z0-9._-]{1,64}$/);
const text = z.string().min(1);

export const logLevelSchema = z.enum(['debug', 'info', 'warn', 'error']).default('info');

export const cardSchema = z.strictObject({
  modulePath: text,
  tokenLabel: text,
  pinFile: text,
  profile: z.enum(['softhsm', 'gm']),
  sessions: z.int().min(1).max(64).default(4),
  softhsmConf: text.optional(),
});

/** One member's configuration: that of its api and of its workers. */
export const memberConfigSchema = z.strictObject({
  memberId: nameSchema,
  memberName: text,
  home: text,
  environment: z.enum(['demo', 'production']),
  http: z.strictObject({ host: text, port: portSchema, publicUrl: z.url() }),
  worker: z.strictObject({ host: text.default('127.0.0.1'), metricsPort: portSchema }),
  mongo: z.strictObject({ uri: z.string().startsWith('mongodb'), db: nameSchema }),
  temporal: z.strictObject({ address: text, namespace: nameSchema, uiUrl: z.url().optional() }),
  card: cardSchema,
  ledger: z.strictObject({
    rpcUrl: z.url(),
    /** Where readers open the node's pages; shown as a link. */
    explorerUrl: z.url().optional(),
    trustFile: text,
    /** Nodes of other members, asked besides the own one when something must be known from a quorum: reached over the overlay. */
    witnesses: z.array(z.strictObject({ memberId: nameSchema, rpcUrl: z.url() })).default([]),
  }),
  /** Keys made in software, wrapped by the card (design §5). */
  keysFile: text,
  /** DER files: the certificate that seals packages, and the seal (SESeal) it is listed in. */
  seal: z.strictObject({ certificateFile: text, sealFile: text }),
  /** Where notices go besides the app, by channel. */
  notices: z.strictObject({ webhooks: z.record(nameSchema, z.url()) }).default({ webhooks: {} }),
  /** Whether what pages seem to be is looked for by itself once an archive's package is made. */
  classification: z.strictObject({ afterArchiving: z.boolean() }).default({ afterArchiving: true }),
  /** Whether 医务科 approves a correction of what an archive was registered with, once it is archived. */
  corrections: z.strictObject({ needApproval: z.boolean() }).default({ needApproval: true }),
  /** Whether pages and files of archives are served while rows of the trace have waited for the ledger that long. */
  trace: z
    .strictObject({ whenBehind: z.enum(['serve', 'block']), behindMinutes: z.number().min(1).max(10_080) })
    .default({ whenBehind: 'serve', behindMinutes: 30 }),
  /** A person's session ends after so long without a request, and after so long in any case. */
  sessions: z
    .strictObject({ idleMinutes: z.number().min(1).max(240), maxHours: z.number().min(1).max(24) })
    .default({ idleMinutes: 30, maxHours: 12 }),
  /** From which share of the disk on it is shown as low, and nothing new is taken in. */
  disk: z
    .strictObject({ warnAt: z.number().gt(0).max(1), refuseAt: z.number().gt(0).max(1) })
    .refine(({ warnAt, refuseAt }) => warnAt <= refuseAt, 'warnAt is above refuseAt')
    .default({ warnAt: 0.85, refuseAt: 0.95 }),
  log: z.strictObject({ level: logLevelSchema }).default({ level: 'info' }),
});
export type MemberConfig = z.infer<typeof memberConfigSchema>;

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
  ledger: z.strictObject({ rpcUrl: z.url(), trustFile: text }),
  /** Keys made in software, wrapped by the card (design §5). */
  keysFile: text,
  /** DER files: the certificate that seals packages, and the seal (SESeal) it is listed in. */
  seal: z.strictObject({ certificateFile: text, sealFile: text }),
  log: z.strictObject({ level: logLevelSchema }).default({ level: 'info' }),
});
export type MemberConfig = z.infer<typeof memberConfigSchema>;

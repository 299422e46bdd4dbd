import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { nodeConfigSchema, type ReadNodeConfig, wrappedKeySchema } from '../../chain-node/config.ts';
import { encodeTransaction, signTransaction, txIdOf } from '../../chain-node/codec/transaction.ts';
import { openCard } from '../../platform/card/index.ts';
import { readConfig } from '../../platform/config/read.ts';
import { sm2 } from '../../platform/crypto/index.ts';
import { layout } from '../launch/layout.ts';
import { MemberError } from './errors.ts';

const WITHIN_MS = 10_000;
const FINAL_WITHIN_MS = 30_000;
const LOOK_EVERY_MS = 500;

const memberSchema = z.object({
  memberId: z.string(),
  name: z.string(),
  publicKey: z.string(),
  role: z.enum(['validator', 'observer']),
});
const openSchema = z.object({
  id: z.string(),
  type: z.enum(['set', 'remove', 'policy', 'rules']),
  body: z.base64(),
  approvals: z.array(z.string()),
  needed: z.number(),
  effectiveAt: z.number(),
});
const governanceSchema = z.object({
  height: z.number(),
  members: z.array(memberSchema),
  policy: z.object({ version: z.number(), document: z.string() }),
  rules: z.number(),
  open: z.array(openSchema),
});
export type GovernanceNow = z.output<typeof governanceSchema>;
export type OpenNow = GovernanceNow['open'][number];
const statusSchema = z.object({ chainId: z.string(), rules: z.object({ known: z.array(z.number()) }) });
const stateSchema = z.object({
  state: z.enum(['pending', 'final', 'failed']),
  code: z.string().optional(),
  reason: z.string().optional(),
});

/** Which node a command speaks through: `--node FILE`, or `--as MEMBER` of the consortium on this machine. */
export function nodeConfigFile({ node, as }: { node?: string | undefined; as?: string | undefined }): string {
  if (node !== undefined) return node;
  if (as !== undefined) return layout(path.resolve(process.env.SEALFOLIO_HOME ?? '.sealfolio')).member(as).nodeConfig;
  throw new MemberError('usage', 'say whose node it is: --node NODE.json, or --as MEMBER of the demo on this machine');
}

/** The member's own node, by its configuration: its rpc, and the key that its card unwraps. */
export class OwnNode {
  readonly config: ReadNodeConfig;

  constructor(file: string) {
    this.config = readConfig(file, nodeConfigSchema, file);
  }

  status(): Promise<{ chainId: string; rules: { known: number[] } }> {
    return this.get('/v1/status', statusSchema);
  }

  governance(): Promise<GovernanceNow> {
    return this.get('/v1/governance', governanceSchema);
  }

  get<T>(pathname: string, schema: z.ZodType<T>, withinMs = WITHIN_MS): Promise<T> {
    return this.#call(pathname, {}, schema, withinMs);
  }

  /** Sends the change as this member's own word on it, and waits until that is final. Throws what the ledger says to it. */
  async send(type: number, body: Buffer): Promise<void> {
    const { chainId } = await this.status();
    const { memberId } = this.config;
    const privateKey = await this.#presentKey();
    const unsigned = { chainId, sender: memberId, nonce: randomBytes(16), type, body };
    const tx = signTransaction(unsigned, privateKey);
    privateKey.fill(0);
    const content = JSON.stringify({ tx: encodeTransaction(tx).toString('base64') });
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: content };
    await this.#call('/v1/transactions', init, z.unknown(), WITHIN_MS);
    const url = `/v1/transactions/${txIdOf(tx).toString('hex')}?wait=${LOOK_EVERY_MS}`;
    for (const until = Date.now() + FINAL_WITHIN_MS; Date.now() < until;) {
      const { state, code, reason } = await this.get(url, stateSchema);
      if (state === 'final') return;
      if (state === 'failed') throw new MemberError(code ?? 'failed', reason ?? 'the transaction came to nothing');
    }
    throw new MemberError('node-unavailable', 'it was taken, but is not final yet: are enough members there?');
  }

  /** Our public key (hex) that is in force now; undefined: we are no member. */
  async publicKey(): Promise<string | undefined> {
    const { members } = await this.governance();
    return members.find(({ memberId }) => memberId === this.config.memberId)?.publicKey;
  }

  /** Our key that is in force now. */
  async #presentKey(): Promise<Buffer> {
    const { memberId, keyFile, nextKeyFile } = this.config;
    const present = await this.publicKey();
    for (const file of [keyFile, nextKeyFile]) {
      if (file === undefined) continue;
      const key = await unwrapKey(this.config, file);
      if (sm2.publicKeyOf(key).toString('hex') === present) return key;
      key.fill(0);
    }
    throw new MemberError('member-unknown', `the chain knows no member ${memberId} with a key of ours`);
  }

  async #call<T>(pathname: string, init: RequestInit, schema: z.ZodType<T>, withinMs: number): Promise<T> {
    const { host, port } = this.config.rpc;
    let response: Response;
    let body: unknown;
    try {
      response = await fetch(new URL(pathname, `http://${host}:${port}`), {
        ...init,
        signal: AbortSignal.timeout(withinMs),
      });
      body = await response.json();
    } catch {
      throw new MemberError('node-unavailable', `the node of ${this.config.memberId} does not answer on port ${port}`);
    }
    if (response.ok) return schema.parse(body);
    const { code, reason } = body as { code: string; reason: string };
    throw new MemberError(code, reason);
  }
}

/** A key out of its file, unwrapped by the member's card. Throws card-unavailable. */
export async function unwrapKey({ card: cardConfig }: Pick<ReadNodeConfig, 'card'>, file: string): Promise<Buffer> {
  const { wrappedKey, keyId } = wrappedKeySchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  const card = await openCard(cardConfig);
  try {
    return await card.unwrapKey(Buffer.from(wrappedKey, 'hex'), keyId);
  } finally {
    card.close();
  }
}

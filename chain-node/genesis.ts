import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { nameSchema } from '../platform/config/schemas.ts';
import { jcs } from '../platform/crypto/index.ts';
import { genesisHash } from './codec/block.ts';
import { byMemberId, type Member, membersHash } from './codec/member.ts';
import { LedgerError } from './errors.ts';

/** The first thing all members agree on: the chain's name, its start and who is in it. */
export interface Genesis {
  chainId: string;
  timeMs: number;
  /** Sorted by memberId. */
  members: Member[];
  /** The first overlay policy: JSON text; the members may vote for another. */
  policy: Buffer;
  hash: Buffer;
  membersHash: Buffer;
}

const schema = z.strictObject({
  chainId: nameSchema,
  time: z.iso.datetime(),
  members: z
    .array(
      z.strictObject({
        memberId: nameSchema,
        name: z.string().min(1).max(128),
        publicKey: z.string().regex(/^04[0-9a-f]{128}$/),
        role: z.enum(['validator', 'observer']),
      }),
    )
    .min(1)
    .max(256),
  policy: z.record(z.string(), z.json()).default({}),
});
export type GenesisDocument = z.input<typeof schema>;

/** Throws config-invalid, naming the field, unless it is a genesis. */
export function parseGenesis(document: unknown): Genesis {
  const parsed = schema.safeParse(document);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new LedgerError('config-invalid', `genesis ${issue!.path.join('.')}: ${issue!.message}`);
  }
  const { chainId, time, members: listed } = parsed.data;
  const policy = Buffer.from(jcs(parsed.data.policy), 'utf8');
  const members = listed
    .map((member) => ({ ...member, publicKey: Buffer.from(member.publicKey, 'hex') }))
    .sort(byMemberId);
  if (new Set(members.map(({ memberId }) => memberId)).size !== members.length)
    throw new LedgerError('config-invalid', 'genesis names a member twice');
  const timeMs = Date.parse(time);
  return {
    chainId,
    timeMs,
    members,
    policy,
    hash: genesisHash(chainId, timeMs, members, policy),
    membersHash: membersHash(members),
  };
}

export const readGenesis = (file: string): Genesis => parseGenesis(JSON.parse(readFileSync(file, 'utf8')));

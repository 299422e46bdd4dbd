import { randomBytes } from 'node:crypto';
import type { ClientSession } from 'mongoose';
import { ACTOR_TAG, ATTEST_TAG, REASON_TAG, SALT_BYTES } from '../../domain/attestation.ts';
import type { MemberKeys } from '../card/keys.ts';
import { jcs, sm2, taggedSm3 } from '../crypto/index.ts';
import type { Models } from './index.ts';
import type { OutboxItem } from './models/anchoring.ts';

type Hash = (tag: string, text: string) => string;
interface Said {
  by: string;
  decidedBy?: string | undefined;
  reason: string;
}
/** What a manifest says of who asked for it, who approved it and why. */
interface Hashes {
  actor: string;
  approver: string | undefined;
  reason: string;
  hash: Hash;
}

/** What a correction or a merge is in force by: said, signed by the member; every hash is under its own salt. */
export async function signed<Manifest>(
  { keys }: { keys: MemberKeys },
  { by, decidedBy, reason }: Said,
  manifestOf: (hashes: Hashes) => Manifest,
): Promise<{ manifest: Manifest; salt: string; signature: string }> {
  const salt = randomBytes(SALT_BYTES);
  const hash: Hash = (tag, text) => taggedSm3(tag, salt, text).toString('hex');
  const manifest = manifestOf({
    actor: hash(ACTOR_TAG, by),
    approver: decidedBy === undefined ? undefined : hash(ACTOR_TAG, decidedBy),
    reason: hash(REASON_TAG, reason),
    hash,
  });
  const signature = sm2.sign(await keys.get('ledger'), Buffer.from(jcs(manifest))).toString('hex');
  return { manifest, salt: salt.toString('hex'), signature };
}

/** Writes what waits to be attested of it beside what it changes. */
export async function attestLater(
  { OutboxItem }: Pick<Models, 'OutboxItem'>,
  item: Pick<OutboxItem, 'stream' | 'archiveId' | 'version' | 'key'>,
  { manifest, salt }: { manifest: unknown; salt: string },
  createdAt: Date,
  session: ClientSession,
): Promise<void> {
  const digest = taggedSm3(ATTEST_TAG, Buffer.from(salt, 'hex'), jcs(manifest)).toString('hex');
  await OutboxItem.create([{ ...item, digest, state: 'pending', createdAt }], { session });
}

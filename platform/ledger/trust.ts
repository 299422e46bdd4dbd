import { readFileSync } from 'node:fs';
import { z } from 'zod';

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const schema = z.strictObject({ chainId: z.string(), genesisHash: hash, membersHash: hash });

/** The trust anchor that the members publish (docs/receipt-format.md). */
export type TrustAnchor = z.infer<typeof schema>;

export const readTrust = (file: string): TrustAnchor => schema.parse(JSON.parse(readFileSync(file, 'utf8')));

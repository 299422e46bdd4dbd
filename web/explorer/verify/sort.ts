import type { Trust } from '../../../verifier/index.ts';

/** A receipt is small; what is larger is a file to be checked. */
const MAX_TEXT_BYTES = 4 * 1024 * 1024;

export type Sorted = { kind: 'receipt'; text: string } | { kind: 'anchor'; trust: Trust } | { kind: 'file' };

const isHash = (value: unknown): value is string => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);

/** What a text is. */
export function sortText(text: string): Sorted {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return { kind: 'file' };
  }
  const { format, chainId, genesisHash, membersHash } = (parsed ?? {}) as Record<string, unknown>;
  if (typeof format === 'string' && format.startsWith('sealfolio-receipt/')) return { kind: 'receipt', text };
  if (typeof chainId === 'string' && isHash(genesisHash) && isHash(membersHash))
    return { kind: 'anchor', trust: { chainId, genesisHash, membersHash } };
  return { kind: 'file' };
}

/** What a file that someone drops is: a receipt, a trust anchor, or the file to be checked. */
export async function sortFile(file: File): Promise<Sorted> {
  if (file.size > MAX_TEXT_BYTES) return { kind: 'file' };
  return sortText(await file.text());
}

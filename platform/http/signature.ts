import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { sm2 } from '../crypto/index.ts';

/** HTTP message signatures (RFC 9421) of the requests that systems send; one fixed profile of it. */
export const SignatureAlgorithm = { hmac: 'hmac-sha256', sm2: 'sm2-sm3' } as const;
export type SignatureAlgorithm = (typeof SignatureAlgorithm)[keyof typeof SignatureAlgorithm];

export interface SignedParts {
  method: string;
  /** Path and query, as sent. */
  target: string;
  /** Content-Digest (RFC 9530) of the body; absent where the body's digest was announced before (uploads). */
  contentDigest?: string | undefined;
}

export interface SignatureParameters {
  keyId: string;
  nonce: string;
  /** Seconds since 1970. */
  created: number;
  algorithm: SignatureAlgorithm;
}

const INPUT =
  /^sig=(\("@method" "@path" "@query"( "content-digest")?\);created=(\d{1,12});nonce="([A-Za-z0-9_-]{16,64})";keyid="([A-Za-z0-9._-]{1,64})";alg="(hmac-sha256|sm2-sm3)")$/;
const VALUE = /^sig=:([A-Za-z0-9+/=]{1,200}):$/;

/** RFC 9530, with SHA-256. */
export const contentDigestOf = (body: Uint8Array): string =>
  `sha-256=:${createHash('sha256').update(body).digest('base64')}:`;

/** The signature base (RFC 9421 §2.5). */
function signatureBase({ method, target, contentDigest }: SignedParts, parameters: string): Buffer {
  const at = target.indexOf('?');
  const [path, query] = at === -1 ? [target, '?'] : [target.slice(0, at), target.slice(at)];
  const lines = [`"@method": ${method.toUpperCase()}`, `"@path": ${path}`, `"@query": ${query}`];
  if (contentDigest !== undefined) lines.push(`"content-digest": ${contentDigest}`);
  lines.push(`"@signature-params": ${parameters}`);
  return Buffer.from(lines.join('\n'), 'utf8');
}

function serialize(hasDigest: boolean, { created, nonce, keyId, algorithm }: SignatureParameters): string {
  const components = `("@method" "@path" "@query"${hasDigest ? ' "content-digest"' : ''})`;
  return `${components};created=${created};nonce="${nonce}";keyid="${keyId}";alg="${algorithm}"`;
}

/** The headers that sign a request; `key` is the shared secret, or the SM2 private key. */
export function signRequest(
  parts: SignedParts,
  parameters: SignatureParameters,
  key: Uint8Array,
): Record<string, string> {
  const input = serialize(parts.contentDigest !== undefined, parameters);
  const base = signatureBase(parts, input);
  const signature =
    parameters.algorithm === SignatureAlgorithm.hmac
      ? createHmac('sha256', key).update(base).digest()
      : sm2.sign(key, base);
  return {
    'signature-input': `sig=${input}`,
    signature: `sig=:${signature.toString('base64')}:`,
    ...(parts.contentDigest !== undefined && { 'content-digest': parts.contentDigest }),
  };
}

/** What a request says of its signature, or null if it is not of our profile. Nothing is checked yet. */
export function parseSignature(
  input: string,
  value: string,
): { parameters: SignatureParameters; hasDigest: boolean; signature: Buffer } | null {
  const [match, signature] = [INPUT.exec(input), VALUE.exec(value)];
  if (match === null || signature === null) return null;
  const [, , digest, created, nonce, keyId, algorithm] = match;
  return {
    parameters: { created: Number(created), nonce: nonce!, keyId: keyId!, algorithm: algorithm as SignatureAlgorithm },
    hasDigest: digest !== undefined,
    signature: Buffer.from(signature[1]!, 'base64'),
  };
}

/** Whether the signature is right; `key` is the shared secret, or the SM2 public key. */
export function isSignedBy(
  parts: SignedParts,
  parameters: SignatureParameters,
  signature: Buffer,
  key: Uint8Array,
): boolean {
  const base = signatureBase(parts, serialize(parts.contentDigest !== undefined, parameters));
  if (parameters.algorithm === SignatureAlgorithm.sm2) return sm2.verify(key, base, signature);
  const expected = createHmac('sha256', key).update(base).digest();
  return expected.length === signature.length && timingSafeEqual(expected, signature);
}

import type { IncomingHttpHeaders } from 'node:http';

const NAMES: ReadonlySet<string> = new Set(['forwarded', 'x-real-ip', 'via']);

/** Whether it is by this header that a proxy says for whom it asks. */
export const isForwarding = (name: string): boolean => NAMES.has(name) || name.startsWith('x-forwarded-');

/**
 * The header by which a request tells that a proxy passes it on, or null. Such a one comes from this machine's address and
 * is not this machine's: what is for programs here alone is not for it.
 */
export const forwardedBy = (headers: IncomingHttpHeaders): string | null =>
  Object.keys(headers).find(isForwarding) ?? null;

/** Why it is refused. */
export const forwardedReason = (name: string): string => `not for what a proxy passes on (${name})`;

import { type Answer, missingOf } from './answers.ts';
import { nextOf } from './link.ts';

const WITHIN_MS = 8000;

/** Asks a node's rpc. `node` is its address, empty for the one that serves this page. Throws only if `signal` says so. */
export async function ask<T>(path: string, node = '', signal?: AbortSignal): Promise<Answer<T>> {
  const timeout = AbortSignal.timeout(WITHIN_MS);
  let response: Response;
  let body: unknown;
  try {
    response = await fetch(new URL(path, node || location.origin), {
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
      credentials: 'omit',
    });
  } catch (error) {
    signal?.throwIfAborted();
    return { kind: 'unknown', why: 'offline', detail: String((error as Error).message) };
  }
  try {
    body = await response.json();
  } catch {
    signal?.throwIfAborted();
    return { kind: 'unknown', why: 'strange', detail: `HTTP ${response.status}` };
  }
  if (!response.ok) return missingOf(response.status, body);
  return { kind: 'found', value: body as T, next: nextOf(response.headers.get('link')) };
}

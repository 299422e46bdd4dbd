/** problem+json of the api. */
export interface Problem {
  code: string;
  status: number;
  detail: { zh: string; en: string };
  traceId?: string;
  data?: Record<string, unknown>;
  errors?: { pointer: string; message: string }[];
}

/** A refusal, or no answer at all (code `offline`). */
export class ApiError extends Error {
  override readonly name = 'ApiError';

  constructor(readonly problem: Problem) {
    super(problem.code);
  }
}

let csrf = '';
/** The page's token, sent with every change. */
export const setCsrf = (token: string): void => {
  csrf = token;
};
export const csrfToken = (): string => csrf;

const OFFLINE: Problem = {
  code: 'offline',
  status: 0,
  detail: { zh: '连不上服务器，已填写的内容不会丢失', en: 'The server does not answer; nothing you typed is lost' },
};

interface CallOptions {
  /** The page asks by itself: this does not keep the session alive. */
  isBackground?: boolean;
  /** The revision that a change is made against. */
  ifMatch?: number;
  /** The same key is done once, however often it is sent. */
  idempotencyKey?: string;
}

/** Sends a request and gives the answer, if it is none of refusal. Throws ApiError, or what `init.signal` gave up with. */
async function send(path: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(`/api/v1${path}`, init);
  } catch (error) {
    init.signal?.throwIfAborted();
    throw error instanceof TypeError ? new ApiError(OFFLINE) : error;
  }
  if (response.ok) return response;
  throw new ApiError((await response.json().catch(() => OFFLINE)) as Problem);
}

/** Calls the api and gives the JSON of the answer (undefined for none). Throws ApiError. */
export async function call<T>(
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  path: string,
  body?: unknown,
  { isBackground = false, ifMatch, idempotencyKey }: CallOptions = {},
): Promise<T> {
  const response = await send(path, {
    method,
    headers: {
      ...(body !== undefined && { 'Content-Type': 'application/json' }),
      ...(method !== 'GET' && csrf !== '' && { 'X-CSRF-Token': csrf }),
      ...(isBackground && { 'X-Background': '1' }),
      ...(ifMatch !== undefined && { 'If-Match': `"${ifMatch}"` }),
      ...(idempotencyKey !== undefined && { 'Idempotency-Key': idempotencyKey }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return response.status === 204 ? (undefined as T) : ((await response.json()) as T);
}

/** Fetches a file, and tells how many bytes of it are here. Throws ApiError, or what `signal` gave up with. */
export async function fetchFile(
  path: string,
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<{ parts: Uint8Array<ArrayBuffer>[]; headers: Headers }> {
  const { body, headers } = await send(path, { signal });
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  try {
    for (const reader = body!.getReader(); ;) {
      const { done, value } = await reader.read();
      if (done) return { parts, headers };
      parts.push(value);
      onBytes((bytes += value.length));
    }
  } catch {
    signal.throwIfAborted();
    // It broke off: what is here is not the file.
    throw new ApiError(OFFLINE);
  }
}

/** A query string of what is set. */
export const query = (values: Record<string, string | number | undefined | null>): string => {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== '');
  return entries.length === 0 ? '' : `?${new URLSearchParams(entries.map(([name, value]) => [name, String(value)]))}`;
};

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

/** Calls the api and gives the JSON of the answer (undefined for none). Throws ApiError. */
export async function call<T>(
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  path: string,
  body?: unknown,
  { isBackground = false, ifMatch, idempotencyKey }: CallOptions = {},
): Promise<T> {
  let response: Response;
  try {
    response = await fetch(`/api/v1${path}`, {
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
  } catch {
    throw new ApiError(OFFLINE);
  }
  if (response.status === 204) return undefined as T;
  if (response.ok) return (await response.json()) as T;
  const problem = (await response.json().catch(() => OFFLINE)) as Problem;
  throw new ApiError(problem);
}

/** A query string of what is set. */
export const query = (values: Record<string, string | number | undefined | null>): string => {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== '');
  return entries.length === 0 ? '' : `?${new URLSearchParams(entries.map(([name, value]) => [name, String(value)]))}`;
};

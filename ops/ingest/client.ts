import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import * as tus from 'tus-js-client';
import {
  contentDigestOf,
  type SignatureAlgorithm,
  type SignedParts,
  signRequest,
} from '../../platform/http/signature.ts';

export interface ApiKey {
  appId: string;
  algorithm: SignatureAlgorithm;
  /** The shared secret, or the SM2 private key. */
  key: Uint8Array;
}

/** A refusal of the api, as its problem+json says it. */
export class ApiProblem extends Error {
  override readonly name = 'ApiProblem';

  constructor(
    readonly status: number,
    readonly code: string,
    readonly problem: Record<string, unknown>,
  ) {
    super(`${code}: ${JSON.stringify(problem.errors ?? problem.data ?? problem.detail ?? '')}`);
  }
}

/** Bytes of one request of an upload: whole MiB, so that nothing is sent twice after a break. */
const UPLOAD_CHUNK_BYTES = 16 * 1024 * 1024;
const RETRIES_MS = [200, 500, 1000, 2000, 4000, 8000];
const TIMEOUT_MS = 60_000;

/** A client of the api as a system is one: every request signed. What the network or a restart breaks is tried again. */
export class ApiClient {
  constructor(
    readonly baseUrl: string,
    private readonly apiKey: ApiKey,
  ) {}

  #sign(parts: SignedParts): Record<string, string> {
    const { appId, algorithm, key } = this.apiKey;
    const nonce = randomBytes(18).toString('base64url');
    return signRequest(parts, { keyId: appId, nonce, created: Math.floor(Date.now() / 1000), algorithm }, key);
  }

  /** The answer's JSON. Throws ApiProblem. */
  async call<T>(method: 'GET' | 'POST' | 'PUT', target: string, body?: unknown): Promise<T> {
    const response = await this.#request(method, target, body);
    return (await response.json()) as T;
  }

  /** The answer's bytes. */
  async download(target: string): Promise<Buffer> {
    const response = await this.#request('GET', target);
    return Buffer.from(await response.arrayBuffer());
  }

  async #request(method: 'GET' | 'POST' | 'PUT', target: string, body?: unknown): Promise<Response> {
    const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    for (let attempt = 0; ; attempt += 1) {
      const contentDigest = bytes && contentDigestOf(bytes);
      const headers = {
        ...this.#sign({ method, target, contentDigest }),
        ...(bytes && { 'content-type': 'application/json' }),
      };
      const wait = RETRIES_MS[attempt];
      let response: Response;
      try {
        const signal = AbortSignal.timeout(TIMEOUT_MS);
        response = await fetch(new URL(target, this.baseUrl), {
          method,
          headers,
          signal,
          ...(bytes && { body: bytes }),
        });
      } catch (error) {
        if (wait === undefined) throw error;
        await delay(wait);
        continue;
      }
      if (response.ok) return response;
      if (isPassing(response.status) && wait !== undefined) {
        await response.arrayBuffer();
        await delay(wait);
        continue;
      }
      const problem = (await response.json().catch(() => ({}))) as Record<string, unknown>;
      throw new ApiProblem(response.status, String(problem.code ?? response.status), problem);
    }
  }

  /** Sends one file by tus, going on where an earlier try stopped. */
  async upload(
    batchId: string,
    partNo: number,
    data: Buffer,
    onBytes: (sent: number) => void = () => {},
  ): Promise<void> {
    await new Promise<void>((done, fail) => {
      const upload = new tus.Upload(data as never, {
        endpoint: new URL('/api/v1/uploads', this.baseUrl).href,
        metadata: { batchId, partNo: String(partNo) },
        uploadSize: data.length,
        chunkSize: UPLOAD_CHUNK_BYTES,
        uploadDataDuringCreation: true,
        retryDelays: RETRIES_MS,
        onBeforeRequest: (request) => {
          const { pathname, search } = new URL(request.getURL());
          const headers = this.#sign({ method: request.getMethod(), target: pathname + search });
          for (const [name, value] of Object.entries(headers)) request.setHeader(name, value);
        },
        onProgress: (sent) => onBytes(sent),
        onSuccess: () => done(),
        onError: (error) => {
          const answer = error instanceof tus.DetailedError ? error.originalResponse : null;
          if (answer === null) return fail(error);
          const problem = parse(answer.getBody());
          fail(new ApiProblem(answer.getStatus(), String(problem.code ?? answer.getStatus()), problem));
        },
        onShouldRetry: (error) => {
          const status = error.originalResponse?.getStatus() ?? 0;
          return status === 0 || status === 409 || status === 423 || isPassing(status);
        },
      });
      upload.start();
    });
  }
}

/** What may be over within seconds. A full disk (507) is not: who sends decides when to come back. */
const isPassing = (status: number): boolean => status >= 502 && status !== 507;

function parse(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}

import { Worker } from 'node:worker_threads';
import { LedgerError } from '../errors.ts';
import { type CheckContext, type CheckedTx, checkedOf, type Checker, type Voucher } from './checker.ts';

/** Batch as it goes to the thread. */
export interface CheckRequest {
  id: number;
  /** All transactions, one after the other, and where each ends. */
  bytes: Uint8Array;
  ends: Uint32Array;
  voucher: Voucher;
  /** If they are others than those of the batch before. */
  context?: CheckContext;
}

/** What the thread answers: values of all transactions packed into a few buffers, which move without a copy. */
export interface CheckResponse {
  id: number;
  /** For each transaction its place in `refused`, plus 1; 0: it is good. */
  refusals: Uint16Array;
  refused: { code: LedgerError['code']; reason: string }[];
  /** hash ‖ txId of each. */
  hashes: Uint8Array;
  senders: string[];
  nonces: Uint8Array;
  types: Uint8Array;
  counts: Uint32Array;
  leaves: Uint8Array;
  marks: Float64Array;
}

const HASH = 32;
const NONCE = 16;

function unpack(
  response: CheckResponse,
  list: readonly Buffer[],
  { members }: CheckContext,
  voucher: Voucher,
): (CheckedTx | LedgerError)[] {
  const { refusals, refused, senders, types, counts } = response;
  const hashes = Buffer.from(response.hashes.buffer);
  const nonces = Buffer.from(response.nonces.buffer);
  const leaves = Buffer.from(response.leaves.buffer);
  let at = 0;
  return list.map((encoded, i) => {
    if (refusals[i]! > 0) {
      const { code, reason } = refused[refusals[i]! - 1]!;
      return new LedgerError(code, reason);
    }
    const sender = senders[i]!;
    const count = counts[i]!;
    const from = at;
    at += count;
    const examined = {
      hash: hashes.subarray(2 * i * HASH, (2 * i + 1) * HASH),
      txId: hashes.subarray((2 * i + 1) * HASH, (2 * i + 2) * HASH),
      sender,
      nonce: nonces.subarray(i * NONCE, (i + 1) * NONCE),
      type: types[i]!,
      count,
      leaves: leaves.subarray(from * HASH, at * HASH),
      marks: response.marks.subarray(2 * from, 2 * at),
    };
    const key = voucher === 'sender' ? members.find(({ memberId }) => memberId === sender)!.publicKey : null;
    return checkedOf(examined, encoded, key);
  });
}

/** Checks on a thread of its own, so that reading, hashing and verifying leave the node's own thread to consensus. */
export function workerChecker(script: string, env: NodeJS.ProcessEnv = process.env): Checker {
  const worker = new Worker(script, { env });
  const waiting = new Map<number, { done(response: CheckResponse): void; fail(error: unknown): void }>();
  let sent: CheckContext | undefined;
  let next = 0;
  const failAll = (error: unknown) => {
    for (const { fail } of waiting.values()) fail(error);
    waiting.clear();
  };
  worker.on('message', (response: CheckResponse) => {
    waiting.get(response.id)?.done(response);
    waiting.delete(response.id);
  });
  worker.on('error', failAll);
  worker.unref();
  return {
    async check(list, context, voucher) {
      if (list.length === 0) return [];
      const ends = new Uint32Array(list.length);
      let length = 0;
      for (const [i, encoded] of list.entries()) ends[i] = length += encoded.length;
      const bytes = new Uint8Array(length);
      for (const [i, encoded] of list.entries()) bytes.set(encoded, ends[i]! - encoded.length);
      const isNew = sent?.members !== context.members;
      sent = context;
      const request: CheckRequest = { id: (next += 1), bytes, ends, voucher, ...(isNew && { context }) };
      const response = await new Promise<CheckResponse>((done, fail) => {
        waiting.set(request.id, { done, fail });
        worker.postMessage(request, [bytes.buffer]);
      });
      return unpack(response, list, context, voucher);
    },
    async close() {
      failAll(new LedgerError('not-found', 'the node is closing'));
      await worker.terminate();
    },
  };
}

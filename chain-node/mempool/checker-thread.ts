import os from 'node:os';
import { parentPort } from 'node:worker_threads';
import { sm2 } from '../../platform/crypto/index.ts';
import { LedgerError } from '../errors.ts';
import { type CheckContext, examineFor, isFine, type Outcome, wrongSignature } from './checker.ts';
import type { CheckRequest, CheckResponse } from './worker-checker.ts';

const HASH = 32;
const NONCE = 16;
/** Consensus goes before: a check that comes later is a transaction in the next block, a vote that comes later holds all up. */
const NICENESS = 5;

/** Structured clones carry Uint8Arrays where Buffers went in. */
const revived = ({ chainId, members }: CheckContext): CheckContext => ({
  chainId,
  members: members.map((member) => ({ ...member, publicKey: Buffer.from(member.publicKey) })),
});

function outcomesOf({ bytes, ends, voucher }: CheckRequest, context: CheckContext): Outcome[] {
  const all = Buffer.from(bytes.buffer);
  let at = 0;
  const outcomes = Array.from(ends, (end) => {
    const outcome = examineFor(context, all.subarray(at, end), voucher);
    at = end;
    return outcome;
  });
  if (voucher === 'commit') return outcomes;
  const answers = sm2.verifyAll(outcomes.filter(isFine));
  return outcomes.map((outcome) => (outcome instanceof LedgerError || answers.shift()! ? outcome : wrongSignature()));
}

function pack(id: number, outcomes: readonly Outcome[]): CheckResponse {
  const n = outcomes.length;
  const total = outcomes.reduce((sum, one) => sum + (one instanceof LedgerError ? 0 : one.examined.count), 0);
  const response: CheckResponse = {
    id,
    refusals: new Uint16Array(n),
    refused: [],
    hashes: new Uint8Array(2 * n * HASH),
    senders: [],
    nonces: new Uint8Array(n * NONCE),
    types: new Uint8Array(n),
    counts: new Uint32Array(n),
    leaves: new Uint8Array(total * HASH),
    marks: new Float64Array(2 * total),
  };
  let at = 0;
  for (const [i, outcome] of outcomes.entries()) {
    if (outcome instanceof LedgerError) {
      const { code, reason } = outcome;
      response.refusals[i] = response.refused.push({ code, reason });
      response.senders.push('');
      continue;
    }
    const { hash, txId, sender, nonce, type, count, leaves, marks } = outcome.examined;
    response.hashes.set(hash, 2 * i * HASH);
    response.hashes.set(txId, (2 * i + 1) * HASH);
    response.senders.push(sender);
    response.nonces.set(nonce, i * NONCE);
    response.types[i] = type;
    response.counts[i] = count;
    response.leaves.set(leaves, at * HASH);
    response.marks.set(marks, 2 * at);
    at += count;
  }
  return response;
}

/** The thread that checks transactions (worker-checker.ts). */
export function main(): void {
  os.setPriority(NICENESS); // of this thread alone, on Linux
  let context: CheckContext = { chainId: '', members: [] };
  parentPort!.on('message', (request: CheckRequest) => {
    if (request.context !== undefined) context = revived(request.context);
    const response = pack(request.id, outcomesOf(request, context));
    const buffers = [response.hashes, response.nonces, response.leaves, response.marks].map(({ buffer }) => buffer);
    parentPort!.postMessage(response, buffers as ArrayBuffer[]);
  });
}

import { SealfolioError } from '../domain/errors.ts';
import { hmacSm3, sm3 } from '../platform/crypto/index.ts';
import type { IdempotentCall, Store } from '../platform/store/index.ts';

const KEPT_MS = 24 * 3_600_000;
/** A call that has not ended after this long was broken off: the same key may try again. */
const BROKEN_OFF_MS = 60_000;
const KEY = /^[\x21-\x7e]{8,128}$/;
const DUPLICATE_KEY = 11_000;

export interface Answer {
  status: number;
  body: unknown;
}

/**
 * Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): for 24 hours the same key of the same caller is the same
 * answer. What was refused is forgotten, and may be tried again. Throws idempotency-key-invalid, idempotency-mismatch
 * (the same key with another body) or idempotency-in-flight.
 */
export async function once(
  { models: { IdempotentCall } }: Store,
  { key, caller, route, body }: { key: string; caller: string; route: string; body: Uint8Array },
  run: () => Promise<Answer>,
): Promise<Answer & { replayed: boolean }> {
  if (!KEY.test(key)) throw new SealfolioError('idempotency-key-invalid', { field: 'Idempotency-Key' });
  const id = sm3(Buffer.from(`${caller}\0${route}\0${key}`)).toString('hex');
  // The key itself is not kept, so nobody finds by trying what a body said of a patient.
  const bodyMac = hmacSm3(Buffer.from(key), body).toString('hex');
  const now = new Date();
  const begun: IdempotentCall = {
    key: id,
    bodyMac,
    state: 'running',
    startedAt: now,
    expiresAt: new Date(now.getTime() + KEPT_MS),
  };
  try {
    await IdempotentCall.collection.insertOne({ ...begun });
  } catch (error) {
    if ((error as { code?: number }).code !== DUPLICATE_KEY) throw error;
    const known = await IdempotentCall.findOne({ key: id }).lean<IdempotentCall>();
    if (known !== null && known.bodyMac !== bodyMac)
      throw new SealfolioError('idempotency-mismatch', { field: 'Idempotency-Key' });
    if (known?.state === 'done') return { status: known.status!, body: JSON.parse(known.body!), replayed: true };
    const brokenOff = {
      key: id,
      state: 'running' as const,
      startedAt: { $lt: new Date(now.getTime() - BROKEN_OFF_MS) },
    };
    const taken = await IdempotentCall.updateOne(brokenOff, { $set: { startedAt: now } });
    if (taken.modifiedCount !== 1) throw new SealfolioError('idempotency-in-flight', { field: 'Idempotency-Key' });
  }
  try {
    const { status, body: answer } = await run();
    const text = JSON.stringify(answer ?? null);
    await IdempotentCall.updateOne({ key: id }, { $set: { state: 'done', status, body: text } });
    return { status, body: answer, replayed: false };
  } catch (error) {
    await IdempotentCall.deleteOne({ key: id, state: 'running' });
    throw error;
  }
}

import { ulid } from 'ulid';
import { z } from 'zod';
import { SealfolioError } from '../../domain/errors.ts';
import type { PatientSalt, Store } from '../../platform/store/index.ts';
import { text } from '../batches/schemas.ts';
import { reason } from '../catalog/schemas.ts';
import type { ApiDeps } from '../deps.ts';
import { displayNames } from '../people/names.ts';
import { type Route, route } from '../route.ts';
import { traced } from '../traced.ts';

/** Erasures are rare: what waits is shown on one page. */
const MAX_LIST = 100;
const params = z.object({ erasureId: z.string().regex(/^er_[a-z0-9]{1,40}$/) });
const patientNo = text(64).describe('病案号: whoever decides says it too; it is kept nowhere');

const object = (id: string) => ({ type: 'erasure', id });

/** What is kept of a number leads from the rows of its archives to the number, whatever their ids are. Throws patient-kept. */
async function requireNothingKept({ models }: Store, number: string): Promise<void> {
  const { Archive, Batch, Correction, Loan, PatientMerge } = models;
  const any = (...fields: string[]) => ({ $or: fields.map((field) => ({ [field]: number })) }) as never;
  const kept = await Promise.all([
    Archive.exists(any('patientNo', 'motherPatientNo')),
    Correction.exists(any('before.patientNo', 'before.motherPatientNo')),
    Batch.exists(any('visit.patientNo', 'visit.motherPatientNo', 'corrected.before.patientNo')),
    Loan.exists({ patientNo: number }),
    PatientMerge.exists(any('retired', 'surviving')),
  ]);
  if (kept.some((one) => one !== null)) throw new SealfolioError('patient-kept');
}

/**
 * 抹除: the salt of a patient's id in the trace is destroyed, once nothing of the patient is kept. One person asks for it,
 * another decides, and both say the number. The rows stay as they are; nobody makes their id again.
 */
export function erasureRoutes({ store }: Pick<ApiDeps, 'store'>): Route[] {
  const { PatientSalt, TraceEntry } = store.models;
  const { patients } = store.trace;

  return [
    route({
      method: 'get',
      path: '/erasures',
      permission: 'erasure:decide',
      trace: 'erasure.search',
      summary: 'Erasures that wait for a decision, the oldest first; of whom they are is on the paper, and not here',
      answer: z.object({
        items: z.array(
          z.object({ erasureId: z.string(), by: z.string(), byName: z.string(), reason: z.string(), at: z.string() }),
        ),
      }),
      async handle() {
        const found = await PatientSalt.find({ erasure: { $exists: true } })
          .sort({ 'erasure.at': 1 })
          .limit(MAX_LIST)
          .lean<PatientSalt[]>();
        const waiting = found.map(({ erasure }) => erasure!);
        const names = await displayNames(
          store,
          waiting.map(({ by }) => by),
        );
        return { items: waiting.map((one) => ({ ...one, at: one.at.toISOString(), byName: names[one.by] ?? one.by })) };
      },
    }),
    route({
      method: 'post',
      path: '/erasures',
      permission: 'erasure:write',
      summary: 'Ask that a patient’s opaque id in the trace be erased: after the term of keeping, or by law or a court',
      body: z.strictObject({ patientNo, reason }),
      answer: z.object({ erasureId: z.string() }),
      status: 201,
      // A digest of the body, which is kept for an Idempotency-Key, would lead to the number.
      secret: true,
      async handle({ body, ...call }) {
        await requireNothingKept(store, body.patientNo);
        const key = await patients.saltKey(body.patientNo);
        const found = await PatientSalt.findOne({ key }).lean<PatientSalt>();
        if (found === null) throw new SealfolioError('patient-not-traced');
        if (found.erasure !== undefined) throw new SealfolioError('erasure-pending');
        const erasureId = `er_${ulid().toLowerCase()}`;
        await traced(store, call, 'erasure.propose', object(erasureId), { reason: body.reason });
        const erasure = { erasureId, by: call.actor.id, reason: body.reason, at: new Date() };
        const isFree = { key, erasure: { $exists: false } };
        const { matchedCount } = await PatientSalt.updateOne(isFree, { $set: { erasure } });
        if (matchedCount === 0) throw new SealfolioError('erasure-pending');
        return { erasureId };
      },
    }),
    route({
      method: 'post',
      path: '/erasures/{erasureId}/approve',
      permission: 'erasure:decide',
      summary:
        'Erase it; not one’s own, and by the same number. `rowsOfBefore`: rows under an id of before, which stays',
      params,
      body: z.strictObject({ patientNo }),
      answer: z.object({
        erasureId: z.string(),
        seq: z.number().describe('The entry of the trace that attests it'),
        rowsOfBefore: z.number(),
      }),
      secret: true,
      async handle({ params: { erasureId }, body, ...call }) {
        const waiting = { key: await patients.saltKey(body.patientNo), 'erasure.erasureId': erasureId };
        const found = await PatientSalt.findOne(waiting).lean<PatientSalt>();
        if (found === null) throw new SealfolioError('erasure-not-found', { erasureId });
        if (found.erasure!.by === call.actor.id) throw new SealfolioError('erasure-own', { erasureId });
        await requireNothingKept(store, body.patientNo);
        const { seq } = await traced(store, call, 'erasure.approve', object(erasureId));
        const { deletedCount } = await PatientSalt.deleteOne(waiting);
        patients.forget(body.patientNo);
        if (deletedCount === 0) throw new SealfolioError('erasure-not-found', { erasureId });
        const before = { patientId: await patients.ofBefore(body.patientNo) };
        return { erasureId, seq, rowsOfBefore: await TraceEntry.countDocuments(before) };
      },
    }),
    route({
      method: 'post',
      path: '/erasures/{erasureId}/refuse',
      permission: 'erasure:decide',
      summary: 'Refuse one that waits',
      params,
      body: z.strictObject({ reason }),
      async handle({ params: { erasureId }, body, ...call }) {
        const waiting = { 'erasure.erasureId': erasureId };
        if ((await PatientSalt.exists(waiting)) === null) throw new SealfolioError('erasure-not-found', { erasureId });
        await traced(store, call, 'erasure.refuse', object(erasureId), { reason: body.reason });
        await PatientSalt.updateOne(waiting, { $unset: { erasure: 1 } });
      },
    }),
  ];
}

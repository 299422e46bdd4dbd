import { changedFields, isBornOfAnother, isRenumbered, type Registered } from '../../domain/correction.ts';
import { SealfolioError } from '../../domain/errors.ts';
import {
  type Archive,
  type Correction,
  enact,
  registeredOf,
  settleNotices,
  writeNotices,
} from '../../platform/store/index.ts';
import { lookAgain, wakeAnchoring, wakeNotices } from '../waking.ts';
import { archiveOf } from '../archives/find.ts';
import type { ApiDeps } from '../deps.ts';
import type { Actor } from '../route.ts';
import { forgetPatient, traced } from '../traced.ts';
import { newsOf } from './news.ts';
import type { ShownCorrection } from './schemas.ts';
import { correctionsShown } from './shown.ts';

const DUPLICATE_KEY = 11_000;

interface Who {
  actor: Actor;
  requestId: string;
}
interface Wanted {
  base: number;
  registered: Registered;
  reason: string;
}

/** 更正: what an archive was registered with, put right. The package, its receipt and the originals stay as they are. */
export class Corrections {
  constructor(
    private readonly deps: Pick<
      ApiDeps,
      'store' | 'keys' | 'memberId' | 'corrections' | 'noticeChannels' | 'temporal' | 'logger'
    >,
  ) {}

  /**
   * In force at once while the archive is being taken in; once it is archived it waits for another person. Throws
   * archive-held, correction-unchanged, visit-taken, request-invalid for a newborn that is its own mother, and with both sides correction-pending or registration-changed.
   */
  async propose(archiveId: string, wanted: Wanted, who: Who): Promise<ShownCorrection> {
    const { store, corrections } = this.deps;
    const { Correction } = store.models;
    const { base, registered, reason } = wanted;
    for (;;) {
      const archive = await archiveOf(store, archiveId);
      const before = registeredOf(archive);
      const after = { ...before, ...registered };
      requireBornOfAnother(after);
      await this.#requireBase(archive, base, after);
      const fields = changedFields(before, after);
      if (fields.length === 0) throw new SealfolioError('correction-unchanged', { archiveId });
      await this.#requireFree(archive, after);
      const last = await Correction.findOne({ archiveId }).sort({ correction: -1 }).lean<Correction>();
      const correction = (last?.correction ?? 0) + 1;
      const made = { archiveId, correction, before, after, by: who.actor.id, reason, at: new Date() };
      const waits = corrections.needApproval && archive.currentVersion > 0;
      const action = waits ? 'correction.propose' : 'correction.make';
      await traced(store, who, action, object(archiveId), { reason, details: { correction, fields } });
      const isWritten = waits
        ? await this.#wait({ ...made, state: 'proposed' })
        : await this.#enact(archive, { ...made, state: 'inForce' });
      if (isWritten) return this.#shown(archiveId, correction);
    }
  }

  /** Throws correction-not-found, correction-decided, correction-own, archive-held, visit-taken. */
  async approve(archiveId: string, correction: number, who: Who): Promise<ShownCorrection> {
    const { store } = this.deps;
    for (;;) {
      const waiting = await this.#waiting(archiveId, correction);
      if (waiting.by === who.actor.id) throw new SealfolioError('correction-own', { archiveId, correction });
      const archive = await archiveOf(store, archiveId);
      requireNoHold(archive);
      await this.#requireFree(archive, waiting.after);
      await traced(store, who, 'correction.approve', object(archiveId), { details: { correction } });
      const decided = { ...waiting, state: 'inForce' as const, decidedBy: who.actor.id, decidedAt: new Date() };
      if (await this.#enact(archive, decided)) return this.#shown(archiveId, correction);
    }
  }

  /** Throws correction-not-found or correction-decided. */
  async refuse(archiveId: string, correction: number, refusal: string, who: Who): Promise<ShownCorrection> {
    const { store } = this.deps;
    const waiting = await this.#waiting(archiveId, correction);
    await traced(store, who, 'correction.refuse', object(archiveId), { reason: refusal, details: { correction } });
    return this.#end({ ...waiting, state: 'refused', refusal }, who);
  }

  /** By who asked for it. Throws correction-not-found, correction-decided or correction-others. */
  async withdraw(archiveId: string, correction: number, who: Who): Promise<ShownCorrection> {
    const waiting = await this.#waiting(archiveId, correction);
    if (waiting.by !== who.actor.id) throw new SealfolioError('correction-others', { archiveId, correction });
    await traced(this.deps.store, who, 'correction.withdraw', object(archiveId), { details: { correction } });
    return this.#end({ ...waiting, state: 'withdrawn' }, who);
  }

  /** One that waits never comes in force. Throws correction-decided if someone was first. */
  async #end(how: Correction, { actor }: Who): Promise<ShownCorrection> {
    const { models, connection } = this.deps.store;
    const { archiveId, correction } = how;
    const ended = { ...how, decidedBy: actor.id, decidedAt: new Date() };
    const news = await newsOf(this.deps.store, ended);
    let isFirst = false;
    await connection.transaction(async (session) => {
      const waits = { archiveId, correction, state: 'proposed' as const };
      isFirst = (await models.Correction.updateOne(waits, { $set: ended }, { session })).matchedCount === 1;
      if (!isFirst) return;
      await settleNotices(models, { archiveId }, session);
      await writeNotices(models, news, this.deps.noticeChannels, session);
    });
    if (!isFirst) await this.#waiting(archiveId, correction);
    await wakeNotices(this.deps);
    return this.#shown(archiveId, correction);
  }

  /** One that waits. Throws correction-not-found, or correction-decided with who was first. */
  async #waiting(archiveId: string, correction: number): Promise<Correction> {
    const { store } = this.deps;
    await archiveOf(store, archiveId);
    const found = await store.models.Correction.findOne({ archiveId, correction }).lean<
      Correction & { _id?: unknown }
    >();
    if (found === null) throw new SealfolioError('correction-not-found', { archiveId, correction });
    const { _id, ...waiting } = found;
    if (waiting.state === 'proposed') return waiting;
    const [shown] = await correctionsShown(store, [waiting]);
    const { state, decidedBy, decidedByName, decidedAt } = shown!;
    throw new SealfolioError('correction-decided', {
      archiveId,
      correction,
      state,
      decidedBy,
      decidedByName,
      decidedAt,
    });
  }

  /** It was made from what is in force, and nothing else waits. */
  async #requireBase(archive: Archive, base: number, yours: Registered): Promise<void> {
    const { store } = this.deps;
    const { archiveId, corrected = 0 } = archive;
    requireNoHold(archive);
    const theirs = async (of: object) =>
      (await correctionsShown(store, await store.models.Correction.find({ archiveId, ...of }).lean<Correction[]>()))[0];
    if (base !== corrected)
      throw new SealfolioError('registration-changed', {
        base: corrected,
        theirs: await theirs({ correction: corrected }),
        yours,
      });
    const pending = await theirs({ state: 'proposed' });
    if (pending !== undefined)
      throw new SealfolioError('correction-pending', { base: corrected, theirs: pending, yours });
  }

  /** One number, one archive. Throws visit-taken, which names the other: whoever corrects may read what both are registered with. */
  async #requireFree({ archiveId, ...own }: Archive, { patientNo, visitNo }: Registered): Promise<void> {
    const number = { patientNo: patientNo ?? own.patientNo, visitNo: visitNo ?? own.visitNo };
    const other = await this.deps.store.models.Archive.findOne({ ...number, archiveId: { $ne: archiveId } })
      .select('archiveId patientName -_id')
      .lean<Pick<Archive, 'archiveId' | 'patientName'>>();
    if (other !== null) throw new SealfolioError('visit-taken', { archiveId, other: { ...number, ...other } });
  }

  /** False if another was first. */
  async #wait(made: Correction): Promise<boolean> {
    const { models, connection } = this.deps.store;
    const news = await newsOf(this.deps.store, made);
    const isWritten = await orTaken(async () => {
      await connection.transaction(async (session) => {
        await models.Correction.create([made], { session });
        await writeNotices(models, news, this.deps.noticeChannels, session);
      });
      return true;
    });
    if (isWritten) await wakeNotices(this.deps);
    return isWritten;
  }

  async #enact(archive: Archive, wanted: Correction): Promise<boolean> {
    const news = await newsOf(this.deps.store, wanted);
    const isWritten = await orTaken(() => enact(this.deps, archive, wanted, news));
    if (!isWritten) return false;
    await Promise.all([wakeAnchoring(this.deps), wakeNotices(this.deps)]);
    if (isRenumbered(wanted.before, wanted.after)) await this.#follow(archive, wanted.correction);
    return true;
  }

  /** By another number the trace names another patient, and other pages are someone else's: those that were looked at are looked at again. */
  async #follow({ archiveId, currentVersion: version }: Archive, correction: number): Promise<void> {
    const { store } = this.deps;
    forgetPatient(store, archiveId);
    if ((await store.models.CatalogSuggestion.exists({ archiveId })) !== null)
      await lookAgain(this.deps, { archiveId, version, correction });
  }

  async #shown(archiveId: string, correction: number): Promise<ShownCorrection> {
    const { store } = this.deps;
    const found = await store.models.Correction.findOne({ archiveId, correction }).lean<Correction>();
    return (await correctionsShown(store, [found!]))[0]!;
  }
}

const object = (id: string) => ({ type: 'archive', id });

function requireNoHold({ archiveId, legalHold }: Archive): void {
  if (legalHold !== undefined) throw new SealfolioError('archive-held', { archiveId });
}

function requireBornOfAnother(after: Registered): void {
  if (!isBornOfAnother(after))
    throw new SealfolioError('request-invalid', {
      errors: [{ pointer: '/body/registered/motherPatientNo', rule: 'mother', message: 'is the newborn’s own' }],
    });
}

/** False if its number, or that of the visit, is taken, or one waits already. */
async function orTaken(run: () => Promise<boolean>): Promise<boolean> {
  try {
    return await run();
  } catch (error) {
    if ((error as { code?: number }).code !== DUPLICATE_KEY) throw error;
    return false;
  }
}

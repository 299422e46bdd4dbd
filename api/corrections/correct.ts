import { changedFields, isBornOfAnother, isRenumbered, type Registered } from '../../domain/correction.ts';
import { SealfolioError } from '../../domain/errors.ts';
import { type Archive, type Correction, enact, recheckFrontPage, registeredOf } from '../../platform/store/index.ts';
import { lookAgain, wakeAnchoring, wakeArchiving, wakeNotices } from '../waking.ts';
import { archiveOf } from '../archives/find.ts';
import type { ApiDeps } from '../deps.ts';
import { forgetPatient, traced } from '../traced.ts';
import type { ShownCorrection } from './schemas.ts';
import { correctionsShown } from './shown.ts';
import { orTaken, TwoPersons, type Who } from './two-persons.ts';

interface Wanted {
  base: number;
  registered: Registered;
  reason: string;
}

/** 更正: what an archive was registered with, put right. The package, its receipt and the originals stay as they are. */
export class Corrections {
  readonly #persons: TwoPersons<Correction>;

  constructor(
    private readonly deps: Pick<
      ApiDeps,
      'store' | 'keys' | 'memberId' | 'corrections' | 'noticeChannels' | 'temporal' | 'logger'
    >,
  ) {
    this.#persons = new TwoPersons(deps, {
      name: 'correction',
      model: deps.store.models.Correction,
      idOf: ({ archiveId, correction }) => ({ archiveId, correction }),
      subjectOf: ({ archiveId, correction }) => `${archiveId}/registration/${correction}`,
    });
  }

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
        ? await this.#persons.wait({ ...made, state: 'proposed' })
        : await this.#enact(archive, { ...made, state: 'inForce' });
      if (isWritten) return this.#shown(archiveId, correction);
    }
  }

  /** Throws correction-not-found, correction-decided, correction-own, archive-held, visit-taken. */
  async approve(archiveId: string, correction: number, who: Who): Promise<ShownCorrection> {
    const { store } = this.deps;
    for (;;) {
      const archive = await archiveOf(store, archiveId);
      const decided = await this.#persons.approvedBy({ archiveId, correction }, who);
      requireNoHold(archive);
      await this.#requireFree(archive, decided.after);
      await traced(store, who, 'correction.approve', object(archiveId), { details: { correction } });
      if (await this.#enact(archive, decided)) return this.#shown(archiveId, correction);
    }
  }

  /** Throws correction-not-found or correction-decided. */
  async refuse(archiveId: string, correction: number, refusal: string, who: Who): Promise<ShownCorrection> {
    const { store } = this.deps;
    await archiveOf(store, archiveId);
    const waiting = await this.#persons.waiting({ archiveId, correction });
    await traced(store, who, 'correction.refuse', object(archiveId), { reason: refusal, details: { correction } });
    await this.#persons.end({ ...waiting, state: 'refused', refusal }, who);
    return this.#shown(archiveId, correction);
  }

  /** By who asked for it. Throws correction-not-found, correction-decided or correction-others. */
  async withdraw(archiveId: string, correction: number, who: Who): Promise<ShownCorrection> {
    const { store } = this.deps;
    await archiveOf(store, archiveId);
    const waiting = await this.#persons.waiting({ archiveId, correction });
    this.#persons.requireOwn(waiting, who);
    await traced(store, who, 'correction.withdraw', object(archiveId), { details: { correction } });
    await this.#persons.end({ ...waiting, state: 'withdrawn' }, who);
    return this.#shown(archiveId, correction);
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

  async #enact(archive: Archive, wanted: Correction): Promise<boolean> {
    const news = await this.#persons.newsOf(wanted);
    const isWritten = await orTaken(() => enact(this.deps, archive, wanted, news));
    if (!isWritten) return false;
    const { archiveId } = archive;
    await recheckFrontPage(this.deps.store, archiveId, wanted.decidedBy ?? wanted.by, wanted.correction);
    await Promise.all([wakeAnchoring(this.deps), wakeArchiving(this.deps, archiveId), wakeNotices(this.deps)]);
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

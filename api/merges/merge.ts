import { ulid } from 'ulid';
import { SealfolioError } from '../../domain/errors.ts';
import { mergeFault, MergeKind, type MergedNumbers } from '../../domain/merge.ts';
import { enactMerge, mergesAbout, type PatientMerge } from '../../platform/store/index.ts';
import { archiveOf } from '../archives/find.ts';
import { orTaken, TwoPersons, type Who } from '../corrections/two-persons.ts';
import type { ApiDeps } from '../deps.ts';
import { traced } from '../traced.ts';
import { wakeAnchoring, wakeNotices } from '../waking.ts';
import { mergesShown, type ShownMerge } from './shown.ts';

/** 患者合并、拆分: as a correction, one asks and another approves. No archive, and nothing that was attested of one, changes. */
export class PatientMerges {
  readonly #persons: TwoPersons<PatientMerge>;

  constructor(
    private readonly deps: Pick<
      ApiDeps,
      'store' | 'keys' | 'memberId' | 'corrections' | 'noticeChannels' | 'temporal' | 'logger'
    >,
  ) {
    this.#persons = new TwoPersons(deps, {
      name: 'merge',
      model: deps.store.models.PatientMerge,
      idOf: ({ mergeId }) => ({ mergeId }),
      subjectOf: ({ mergeId }) => mergeId,
    });
  }

  /** The number of this archive into another. Throws patient-not-found, merge-pending, and the code of mergeFault. */
  async merge(archiveId: string, surviving: string, reason: string, who: Who): Promise<ShownMerge> {
    const { store } = this.deps;
    const { patientNo: retired } = await archiveOf(store, archiveId);
    if ((await store.models.Archive.exists({ patientNo: surviving })) === null)
      throw new SealfolioError('patient-not-found', { field: 'surviving' });
    return this.#ask({ archiveId, kind: MergeKind.merge, retired, surviving }, reason, who);
  }

  /** Undoes a merge. Throws merge-not-found, merge-pending, merge-absent. */
  async split(mergeId: string, reason: string, who: Who): Promise<ShownMerge> {
    const { archiveId, retired, surviving, stands } = await this.#found(mergeId);
    if (stands !== true) throw new SealfolioError('merge-absent', { mergeId });
    return this.#ask({ archiveId, kind: MergeKind.split, retired, surviving }, reason, who);
  }

  /** Throws merge-not-found, merge-decided, merge-own, and the code of mergeFault. */
  async approve(mergeId: string, who: Who): Promise<ShownMerge> {
    for (;;) {
      const decided = await this.#persons.approvedBy({ mergeId }, who);
      await this.#requirePossible(decided.kind, decided);
      await this.#traced('merge.approve', decided, who);
      if (await this.#enact(decided)) return this.#shown(mergeId);
    }
  }

  /** Throws merge-not-found or merge-decided. */
  async refuse(mergeId: string, refusal: string, who: Who): Promise<ShownMerge> {
    const waiting = await this.#persons.waiting({ mergeId });
    await this.#traced('merge.refuse', waiting, who, refusal);
    await this.#persons.end({ ...waiting, state: 'refused', refusal }, who);
    return this.#shown(mergeId);
  }

  /** By who asked for it. Throws merge-not-found, merge-decided or merge-others. */
  async withdraw(mergeId: string, who: Who): Promise<ShownMerge> {
    const waiting = await this.#persons.waiting({ mergeId });
    this.#persons.requireOwn(waiting, who);
    await this.#traced('merge.withdraw', waiting, who);
    await this.#persons.end({ ...waiting, state: 'withdrawn' }, who);
    return this.#shown(mergeId);
  }

  async #ask(
    wanted: MergedNumbers & Pick<PatientMerge, 'archiveId' | 'kind'>,
    reason: string,
    who: Who,
  ): Promise<ShownMerge> {
    const { store, corrections } = this.deps;
    const { archiveId, kind, retired } = wanted;
    for (;;) {
      await this.#requirePossible(kind, wanted);
      if ((await store.models.PatientMerge.exists({ retired, state: 'proposed' })) !== null)
        throw new SealfolioError('merge-pending', { archiveId });
      const mergeId = `mg_${ulid().toLowerCase()}`;
      const made = { mergeId, ...wanted, by: who.actor.id, reason, at: new Date() };
      await this.#traced(corrections.needApproval ? 'merge.propose' : 'merge.make', made, who, reason);
      const isWritten = corrections.needApproval
        ? await this.#persons.wait({ ...made, state: 'proposed' })
        : await this.#enact({ ...made, state: 'inForce' });
      if (isWritten) return this.#shown(mergeId);
    }
  }

  async #requirePossible(kind: MergeKind, numbers: MergedNumbers & { archiveId: string }): Promise<void> {
    const { retired, surviving, archiveId } = numbers;
    const merges = await mergesAbout(this.deps.store.models, [retired, surviving]);
    const fault = mergeFault(merges, kind, numbers);
    if (fault !== null) throw new SealfolioError(fault, { archiveId });
  }

  /** False if another was first. */
  async #enact(wanted: PatientMerge): Promise<boolean> {
    const news = await this.#persons.newsOf(wanted);
    const isWritten = await orTaken(() => enactMerge(this.deps, wanted, news));
    if (isWritten) await Promise.all([wakeAnchoring(this.deps), wakeNotices(this.deps)]);
    return isWritten;
  }

  /** The trace names the entry, and no number. */
  #traced(
    action: 'merge.propose' | 'merge.make' | 'merge.approve' | 'merge.refuse' | 'merge.withdraw',
    { archiveId, mergeId, kind }: Pick<PatientMerge, 'archiveId' | 'mergeId' | 'kind'>,
    who: Who,
    reason?: string,
  ) {
    const details = { mergeId, kind };
    const object = { type: 'archive', id: archiveId };
    return traced(this.deps.store, who, action, object, { details, ...(reason !== undefined && { reason }) });
  }

  async #found(mergeId: string): Promise<PatientMerge> {
    const found = await this.deps.store.models.PatientMerge.findOne({ mergeId }).lean<PatientMerge>();
    if (found === null) throw new SealfolioError('merge-not-found', { mergeId });
    return found;
  }

  async #shown(mergeId: string): Promise<ShownMerge> {
    return (await mergesShown(this.deps.store, [await this.#found(mergeId)]))[0]!;
  }
}

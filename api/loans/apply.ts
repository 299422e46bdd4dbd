import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { WorkCalendar } from '../../domain/calendar.ts';
import { SealfolioError } from '../../domain/errors.ts';
import { type Applicant, ineligibility, levelsOf, type Refusal } from '../../domain/loan/eligibility.ts';
import type { Loan } from '../../domain/loan/loan.ts';
import { submitDraft } from '../../domain/loan/submit.ts';
import { sm3 } from '../../platform/crypto/index.ts';
import {
  type Archive,
  archiveInTurn,
  calendarYears,
  catalogAt,
  currentPolicy,
  isVolumeOut,
  type LoanRow,
  placeOf,
  projectLoan,
  takeVolume,
  type User,
  volumeOf,
} from '../../platform/store/index.ts';
import { loanWorkflowId, TaskQueue, WorkflowName } from '../../workflows/shared.ts';
import { familyNumbers } from '../archives/family.ts';
import { archiveOf } from '../archives/find.ts';
import type { ApiDeps } from '../deps.ts';
import { codeOf } from '../problems.ts';

export type Request = Loan['request'];
export interface Wanted {
  archiveId: string;
  nodes?: number[] | undefined;
}
export type ItemResult = { archiveId: string } & ({ loan: LoanRow } | { refusal: Refusal });

type Unnamed = Omit<LoanRow, 'patientNo' | 'visitNo' | 'patientName'>;

const DUPLICATE_KEY = 11_000;
const opaque = (text: string) =>
  sm3(Buffer.from(`sealfolio/loan/1\0${text}`))
    .toString('hex')
    .slice(0, 26);
export const applicationIdOf = (username: string, key: string) => `la_${opaque(`${username}/${key}`)}`;
const loanIdOf = (applicationId: string, archiveId: string) => `ln_${opaque(`${applicationId}/${archiveId}`)}`;

/** 借阅申请: checks each archive against the policy, writes the draft, starts the loan's workflow. Tried again it goes on. */
export class Applications {
  constructor(private readonly deps: Pick<ApiDeps, 'store' | 'temporal' | 'memberId'>) {}

  /** One result for each archive. Throws loan-batch-limit. */
  async apply(
    username: string,
    applicationId: string,
    wanted: readonly Wanted[],
    request: Request,
    isDraft: boolean,
  ): Promise<ItemResult[]> {
    const { models } = this.deps.store;
    const { policy } = await currentPolicy(models);
    if (wanted.length > policy.batchMax)
      throw new SealfolioError('loan-batch-limit', { field: 'archives', limit: policy.batchMax });
    const results: ItemResult[] = [];
    for (const { archiveId, nodes } of wanted) {
      try {
        const asked = await this.scoped(archiveId, request, nodes);
        const draft = await this.#draft(username, applicationId, archiveId, asked, isDraft);
        results.push({ archiveId, loan: isDraft ? draft : await this.submit(draft, asked, draft.levels) });
      } catch (error) {
        const { code, data } = codeOf(error);
        if (code === 'internal') throw error;
        results.push({ archiveId, refusal: { code, data } });
      }
    }
    return results;
  }

  /** The request with the branches it is about, and whose these are. Throws archive-not-found. */
  async scoped(archiveId: string, request: Request, nodes: readonly number[] | undefined): Promise<Request> {
    if (nodes === undefined) return request;
    return { ...request, nodes, nodesOf: placeOf(await archiveOf(this.deps.store, archiveId)) };
  }

  /** Hands a draft in that was checked. Throws loan-volume-out, or temporal-unavailable: then it stays a draft. */
  async submit(row: LoanRow, request: Request, levels: Loan['levels']): Promise<LoanRow> {
    const { store, temporal, memberId } = this.deps;
    if (row.state !== 'draft') return row;
    const [{ policy, version }, years] = await Promise.all([currentPolicy(store.models), calendarYears(store.models)]);
    const {
      _id,
      open: _open,
      applicantName: _name,
      patientNo: _no,
      visitNo: _visit,
      patientName: _patient,
      waitsFor: _waits,
      volume: _volume,
      ...rest
    } = row as LoanRow & { _id?: unknown };
    const { createdAt: _created, updatedAt: _updated, ...loan } = rest;
    await takeVolume(store.models, row.loanId, { archiveId: row.archiveId, request });
    const draft: Loan = { ...loan, request, levels, policyVersion: version, submittedAt: Date.now() };
    // Of what lies in the past nothing is asked: this year and the next are enough for every term.
    const calendar = years.filter(({ year }) => year >= new Date().getFullYear());
    const started = await temporal.workflow
      .start(WorkflowName.archiveLoan, {
        workflowId: loanWorkflowId(memberId, row.loanId),
        taskQueue: TaskQueue.loans,
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
        args: [{ loan: draft, policy, calendar }],
      })
      .then(
        () => true,
        (error: unknown) => {
          if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
          throw error;
        },
      );
    // An earlier try had started it: the workflow shows it.
    if (started)
      await projectLoan(
        store.models,
        submitDraft(draft, { policy, calendar: new WorkCalendar(calendar), claimsEnd: true }).loan,
      );
    return (await store.models.Loan.findOne({ loanId: row.loanId }).lean<LoanRow>())!;
  }

  /** The levels of its review. Throws the refusal of the policy. */
  async check(
    { applicant, archiveId, state }: Pick<LoanRow, 'applicant' | 'archiveId' | 'state'>,
    request: Request,
  ): Promise<Loan['levels']> {
    const { models } = this.deps.store;
    const [{ policy }, user, archive] = await Promise.all([
      currentPolicy(models),
      models.User.findOne({ username: applicant }).lean<User>(),
      models.Archive.findOne({ archiveId }).lean<Archive>(),
    ]);
    if (archive === null) throw new SealfolioError('archive-not-found', { archiveId });
    const [open, overdue, catalog, patientNos] = await Promise.all([
      models.Loan.countDocuments({ applicant, open: true, state: { $ne: 'draft' } }),
      models.Loan.countDocuments({ applicant, state: 'overdue' }),
      catalogAt(models, archiveId, request.nodesOf ?? placeOf(archive)),
      familyNumbers(this.deps.store, archive),
    ]);
    const asking: Applicant = {
      employment: user!.employment ?? 'staff',
      relatedPatientNos: user!.relatedPatientNos ?? [],
      // What was sent back and is handed in again counts already.
      open: state === 'draft' ? open : open - 1,
      overdue,
    };
    const refusal = ineligibility(policy, request, asking, {
      patientNos,
      isArchived: archive.currentVersion > 0,
      isHeld: archive.legalHold !== undefined,
      marks: archive.marks ?? [],
      branches: catalog?.nodes.length ?? 0,
    });
    if (refusal !== null) throw new SealfolioError(refusal.code, { archiveId, ...refusal.data });
    return levelsOf(policy, request, asking, archive.marks ?? []);
  }

  /**
   * The draft of one archive, made or, by an earlier try, found; one person has one open loan of an archive. What is
   * handed in at once is checked first. Throws loan-duplicate, loan-volume-out, archive-not-found, or the refusal of
   * the policy.
   */
  async #draft(
    username: string,
    applicationId: string,
    archiveId: string,
    request: Request,
    isDraft: boolean,
  ): Promise<LoanRow> {
    const { models } = this.deps.store;
    const loanId = loanIdOf(applicationId, archiveId);
    const known = await models.Loan.findOne({ loanId }).lean<LoanRow>();
    if (known !== null) return known;
    const [user, { version }] = await Promise.all([
      models.User.findOne({ username }).lean<User>(),
      currentPolicy(models),
    ]);
    const held = await models.Loan.findOne({ applicant: username, archiveId, open: true }).lean<LoanRow>();
    if (held !== null) throw new SealfolioError('loan-duplicate', { archiveId, loanId: held.loanId });
    const levels = isDraft ? [] : await this.check({ applicant: username, archiveId, state: 'draft' }, request);
    const now = Date.now();
    const row: Unnamed = {
      loanId,
      applicationId,
      archiveId,
      applicant: username,
      ...(user!.departmentId !== undefined && { departmentId: user!.departmentId }),
      request,
      policyVersion: version,
      state: 'draft',
      seq: 0,
      round: 0,
      levels,
      passed: 0,
      decisions: [],
      renewals: [],
      open: true,
      waitsFor: [],
      applicantName: user!.displayName,
      createdAt: now,
      updatedAt: now,
      ...(!isDraft && volumeOf({ archiveId, request })),
    };
    try {
      return await this.#insert(row);
    } catch (error) {
      if ((error as { code?: number }).code !== DUPLICATE_KEY) throw error;
      throw new SealfolioError(isVolumeOut(error) ? 'loan-volume-out' : 'loan-duplicate', { archiveId });
    }
  }

  /** With what names the patient at that instant: a correction comes before, or finds the row. Throws archive-not-found. */
  async #insert(unnamed: Unnamed): Promise<LoanRow> {
    const { models, connection } = this.deps.store;
    const { archiveId } = unnamed;
    return connection.transaction(async (session) => {
      const archive = await archiveInTurn(models, archiveId, session);
      if (archive === null) throw new SealfolioError('archive-not-found', { archiveId });
      const { patientNo, visitNo, patientName } = archive;
      const row: LoanRow = { ...unnamed, patientNo, visitNo, patientName };
      await models.Loan.collection.insertOne({ ...row } as never, { session });
      return row;
    });
  }
}

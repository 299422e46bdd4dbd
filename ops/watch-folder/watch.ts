import { isSealfolioError, SealfolioError } from '../../domain/errors.ts';
import { type ApiClient, ApiProblem } from '../ingest/client.ts';
import { type ScannedVisit, visitsIn } from '../ingest/scan-folder.ts';
import { type BatchAnswer, outcomeOf, type Outcome, sendVisit } from '../ingest/send.ts';
import { SIDECAR, STACK } from '../ingest/sidecar.ts';
import { Bell } from './bell.ts';
import { Places } from './places.ts';

export interface WatchOptions {
  dir: string;
  /** What the station calls itself. */
  scannerId: string;
  /** A folder is complete when nothing in it changed for so long. */
  settleMs: number;
  /** What has neither visit.json nor stack.json is refused when nothing in it changed for so long. */
  patienceMs: number;
  /** It looks again after this at the latest, and tells the hospital that it is there. */
  rescanMs: number;
  /** One line on what happened, without names. */
  say: (line: string) => void;
  signal: AbortSignal;
}

/** While batches are being archived, it looks after them so often. */
const POLL_MS = 1000;
/** What the hospital says of a folder itself; anything else is tried again. */
const REFUSING = [400, 409, 413, 422];

interface Reason {
  code: string;
  [more: string]: unknown;
}

/** What was sent of a folder, and the visits that the hospital would not hear of. */
interface Sent {
  batches: BatchAnswer[];
  refusals: Reason[];
}

const FILES_REFUSED: Reason = {
  code: 'files-refused',
  reason: 'see batches; what is not named there is in the archive',
};

const WITHDRAWN: Reason = { code: 'batch-withdrawn', reason: 'someone withdrew it at the hospital; see batches' };

/** Why this folder will never be taken, or null if it may be taken later. */
function refusalOf(error: unknown): Reason | null {
  if (isSealfolioError(error)) return { code: error.code, ...error.data };
  if (!(error instanceof ApiProblem) || !REFUSING.includes(error.status) || error.code === 'batch-incomplete')
    return null;
  const { errors, data } = error.problem;
  return { code: error.code, ...(errors !== undefined ? { errors } : { data }) };
}

/** What broke, as the system says it: its words may name files. */
function brokenBy(error: unknown): string {
  const { code, cause, name } = error as { code?: string; cause?: { code?: string }; name?: string };
  return code ?? cause?.code ?? name ?? 'unknown';
}

/** A scanner without an HTTP client writes into a folder: what it wrote is sent from there (docs/scan-folders.md). */
export class FolderStation {
  readonly #places: Places;
  /** Since when each waiting thing is as it is. */
  readonly #seen = new Map<string, { fingerprint: string; since: number }>();
  /** Sent and committed, and not yet ended. */
  readonly #sent = new Map<string, Sent>();

  constructor(
    private readonly client: ApiClient,
    private readonly options: WatchOptions,
  ) {
    this.#places = new Places(options.dir);
  }

  /** Until the signal: takes what is complete, sends it, and puts it where it ends. */
  async run(): Promise<void> {
    const { dir, signal, rescanMs, settleMs } = this.options;
    const bell = new Bell(dir);
    const stop = () => bell.ring();
    signal.addEventListener('abort', stop);
    try {
      while (!signal.aborted) {
        const isSettling = this.#takeComplete();
        await this.#contact();
        for (const name of this.#places.taken()) {
          if (signal.aborted) return;
          await this.#process(name);
        }
        const waits = [rescanMs, ...(isSettling ? [settleMs] : []), ...(this.#sent.size > 0 ? [POLL_MS] : [])];
        if (!signal.aborted) await bell.wait(Math.min(...waits));
      }
    } finally {
      signal.removeEventListener('abort', stop);
      bell.close();
    }
  }

  /** Takes what has not changed for long enough; tells whether something may still be being written. */
  #takeComplete(): boolean {
    const now = performance.now();
    const incoming = this.#places.incoming();
    const names = new Set(incoming.map(({ name }) => name));
    for (const name of this.#seen.keys()) if (!names.has(name)) this.#seen.delete(name);
    let isSettling = false;
    for (const one of incoming) {
      const seen = this.#seen.get(one.name);
      if (seen?.fingerprint !== one.fingerprint) {
        this.#seen.set(one.name, { fingerprint: one.fingerprint, since: now });
        isSettling = true;
        continue;
      }
      const isAnnounced = one.isFolder && [SIDECAR, STACK].some((file) => one.names.includes(file));
      const quietMs = now - seen.since;
      if (quietMs < (isAnnounced ? this.options.settleMs : this.options.patienceMs)) isSettling = true;
      else {
        this.#places.take(one);
        this.#seen.delete(one.name);
      }
    }
    return isSettling;
  }

  #refuse(name: string, reason: Reason, more: { batches?: Outcome[]; refusals?: Reason[] } = {}): void {
    this.#places.end('refused', name, { at: new Date().toISOString(), refused: reason, batches: [], ...more });
    const { code, file, field, reason: why } = reason;
    this.options.say(
      `refused: ${[code, file, field, why].filter((part) => part !== undefined && part !== '').join(' ')}`,
    );
  }

  /** Tells the hospital that the station is there, and what waits in it. */
  async #contact(): Promise<void> {
    const waiting = this.#places.incoming().length + this.#places.taken().length;
    const refused = this.#places.folders('refused').length;
    const { scannerId } = this.options;
    await this.#trying(() => this.client.call('POST', '/api/v1/stations/contact', { scannerId, waiting, refused }));
  }

  async #trying(run: () => Promise<unknown>): Promise<void> {
    try {
      await run();
    } catch (error) {
      const code = error instanceof ApiProblem ? error.code : brokenBy(error);
      this.options.say(`tried again later: ${code}`);
    }
  }

  async #visitsIn(name: string): Promise<ScannedVisit[]> {
    const { location, names, hasFolders } = this.#places.look(name);
    if (hasFolders) throw new SealfolioError('folder-in-folder', { reason: 'a visit is one folder of files' });
    if (![SIDECAR, STACK].some((file) => names.includes(file)))
      throw new SealfolioError('sidecar-missing', { file: SIDECAR, field: 'patientNo', reason: 'not there' });
    if ([SIDECAR, STACK].every((file) => names.includes(file)))
      throw new SealfolioError('sidecar-invalid', { file: STACK, field: '', reason: `${SIDECAR} is there too` });
    const visits = await visitsIn(location, name);
    if (visits.length === 0) throw new SealfolioError('folder-empty', { reason: 'no scans in it' });
    return visits;
  }

  /** One step further with what was taken. Done again after a kill it goes on with the same batches. */
  async #process(name: string): Promise<void> {
    await this.#trying(async () => {
      try {
        const sent = this.#sent.get(name) ?? (await this.#send(name));
        const outcomes = [];
        for (const batch of sent.batches) outcomes.push(await outcomeOf(this.client, batch));
        const ended = outcomes.filter((outcome) => outcome !== null);
        if (ended.length < outcomes.length) return;
        this.#sent.delete(name);
        const withdrawn = ended.some(({ state }) => state === 'withdrawn') ? WITHDRAWN : null;
        const reason =
          sent.refusals[0] ?? withdrawn ?? (ended.some(({ refused }) => refused.length > 0) ? FILES_REFUSED : null);
        if (reason !== null) return this.#refuse(name, reason, { batches: ended, refusals: sent.refusals });
        this.#places.end('done', name, { at: new Date().toISOString(), batches: ended });
        for (const { state, archiveId } of ended) this.options.say(`done: ${state} ${archiveId}`);
      } catch (error) {
        const reason = refusalOf(error);
        if (reason === null) throw error;
        this.#refuse(name, reason);
      }
    });
  }

  /** Sends each visit; one that is refused does the others no harm. */
  async #send(name: string): Promise<Sent> {
    const sent: Sent = { batches: [], refusals: [] };
    for (const visit of await this.#visitsIn(name)) {
      try {
        sent.batches.push(await sendVisit(this.client, visit, () => {}, { scannerId: this.options.scannerId }));
      } catch (error) {
        const reason = refusalOf(error);
        if (reason === null) throw error;
        const { patientNo, visitNo } = visit;
        sent.refusals.push({ ...reason, patientNo, visitNo });
      }
    }
    this.#sent.set(name, sent);
    return sent;
  }
}

import type { Readable } from 'node:stream';
import type { Logger } from '../../../platform/observe/logger.ts';
import { LedgerError } from '../../errors.ts';
import type { Chain } from '../chain.ts';
import { OverlayError } from '../errors.ts';
import { SETTLE_SERVICE, type Sessions } from '../session/sessions.ts';
import type { OverlayStream } from '../session/streams.ts';
import { type Entry, type SessionBook, unsettledRecord } from './book.ts';
import {
  decodeAnswers,
  decodeQuestions,
  encodeAnswers,
  encodeQuestions,
  isPlausible,
  MAX_ITEMS,
  MAX_MESSAGE_BYTES,
  type Question,
} from './exchange.ts';
import { decodeSessionRecord, encodeSessionRecord, sessionKey, type SessionRecord, settle } from './record.ts';

const LOOK_EVERY_MS = 30_000;
const SOON_MS = 500;

export interface SettlerOptions {
  chain: Chain;
  book: SessionBook;
  sessions: Pick<Sessions, 'open' | 'isLive' | 'breakOff'>;
  isReachable(peer: string): boolean;
  onSettled(key: string): void;
  /** After this long an end attests what it knows alone. */
  giveUpAfterMs: number;
  logger: Logger;
}

async function readAll(stream: Readable): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  // The other direction stays open.
  for await (const piece of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > MAX_MESSAGE_BYTES) throw new OverlayError('protocol', 'message too long');
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** Brings sessions that broke off to a record that both ends attest, as soon as the two meet again. */
export class Settler {
  readonly #timer: NodeJS.Timeout;
  readonly #busy = new Set<string>();
  readonly #running = new Set<Promise<void>>();
  #soon: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(private readonly options: SettlerOptions) {
    this.#timer = setInterval(() => this.#run(this.#look()), LOOK_EVERY_MS);
  }

  /** Begins nothing more; resolves when what had begun is over. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    clearTimeout(this.#soon);
    await Promise.all(this.#running);
  }

  #run(work: Promise<void>): void {
    const running = work.finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Something broke off, or somebody is there again. */
  wake(): void {
    if (this.#isClosed) return;
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined;
      this.#run(this.#look());
    }, SOON_MS);
  }

  async #look(): Promise<void> {
    const { chain, book, sessions, isReachable, giveUpAfterMs } = this.options;
    if (this.#isClosed) return;
    const open = (await book.pending()).filter(({ state, session }) => state === 'open' && !sessions.isLive(session));
    const byPeer = new Map<string, Entry[]>();
    for (const entry of open) {
      if (Date.now() - entry.view.lastMs > giveUpAfterMs) {
        await book.conclude(entry.key, unsettledRecord(chain.chainId, chain.memberId, entry), 'unsettled');
        this.options.onSettled(entry.key);
        continue;
      }
      const peer = entry.initiator === chain.memberId ? entry.responder : entry.initiator;
      byPeer.set(peer, [...(byPeer.get(peer) ?? []), entry]);
    }
    await Promise.all(
      [...byPeer].filter(([peer]) => isReachable(peer)).map(([peer, entries]) => this.#ask(peer, entries)),
    );
  }

  async #ask(peer: string, entries: readonly Entry[]): Promise<void> {
    if (this.#busy.has(peer)) return;
    this.#busy.add(peer);
    const { sessions, logger } = this.options;
    try {
      const asked = entries.slice(0, MAX_ITEMS);
      const session = await sessions.open(peer, SETTLE_SERVICE);
      const stream = session.open();
      const questions = asked.map(({ session: id, part, view, record }) => ({
        session: Buffer.from(id, 'hex'),
        part,
        view,
        record,
      }));
      stream.end(encodeQuestions(questions));
      const answers = decodeAnswers(await readAll(stream));
      for (const [i, entry] of asked.entries()) await this.#take(entry, answers[i] ?? null);
      await session.close();
      if (entries.length > asked.length) this.wake();
    } catch (error) {
      if (this.#isClosed) return;
      if (!(error instanceof OverlayError) && !(error instanceof LedgerError)) throw error;
      logger.info({ peer, code: error.code, reason: error.reason }, 'sessions are not settled yet');
    } finally {
      this.#busy.delete(peer);
    }
  }

  async #take(entry: Entry, answer: Buffer | null): Promise<void> {
    const { book, logger, onSettled } = this.options;
    const { received, acked } = entry.view;
    if (answer === null) {
      // It never heard of it. If that can be, nothing happened, and nothing is attested.
      if (received.records === 0 && acked.records === 0) await book.forget(entry.key);
      return;
    }
    const record = decodeSessionRecord(answer);
    if (!this.#isPlausible(entry, record))
      return logger.error({ session: entry.session }, 'the other end’s record of a session cannot be true');
    await book.conclude(entry.key, record, 'settled');
    onSettled(entry.key);
  }

  #isPlausible(entry: Entry, record: SessionRecord): boolean {
    const { chainId, memberId } = this.options.chain;
    const names = { ...entry, chainId, session: Buffer.from(entry.session, 'hex') };
    return isPlausible(record, names, entry.initiator === memberId, entry.view);
  }

  /** The other end asks of sessions with it. */
  answer(stream: OverlayStream, peer: string): void {
    this.#run(this.#answer(stream, peer));
  }

  async #answer(stream: OverlayStream, peer: string): Promise<void> {
    try {
      const questions = decodeQuestions(await readAll(stream));
      const answers: (Buffer | null)[] = [];
      for (const question of questions) answers.push(await this.#answerOne(question, peer));
      stream.end(encodeAnswers(answers));
    } catch (error) {
      if (!(error instanceof OverlayError) && !(error instanceof LedgerError)) throw error;
      stream.destroy(error instanceof OverlayError ? error : new OverlayError('protocol', error.reason));
    }
  }

  async #answerOne({ session, part, view, record }: Question, peer: string): Promise<Buffer | null> {
    const { chain, book, sessions, onSettled, logger } = this.options;
    const key = sessionKey(session, part).toString('hex');
    const known = await book.get(key);
    if (known === null || ![known.initiator, known.responder].includes(peer)) return null;
    if (known.state !== 'open') return known.record;
    await sessions.breakOff(known.session, peer);
    // What was just broken off has written down how far it was.
    const entry = await book.get(key);
    if (entry === null || entry.state !== 'open') return entry?.record ?? null;
    const isInitiator = entry.initiator === chain.memberId;
    const { initiator, responder, service } = entry;
    const names = { chainId: chain.chainId, session, part, initiator, responder, service };
    const views = isInitiator ? ([entry.view, view] as const) : ([view, entry.view] as const);
    const agreed = record === null ? settle(names, ...views) : decodeSessionRecord(record);
    if (!this.#isPlausible(entry, agreed)) {
      logger.error({ session: entry.session }, 'the other end’s record of a session cannot be true');
      return null;
    }
    await book.conclude(key, agreed, 'settled');
    onSettled(key);
    return encodeSessionRecord(agreed);
  }
}

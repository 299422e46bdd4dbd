import { ClassicLevel } from 'classic-level';
import { LedgerError } from '../../errors.ts';
import type { Tally } from '../session/tally.ts';
import {
  decodeSessionRecord,
  encodeSessionRecord,
  Ending,
  sessionDigest,
  sessionKey,
  type SessionRecord,
  type View,
} from './record.ts';

/** Where a transaction of ours is on the ledger. */
export interface LedgerPlace {
  txId: string;
  height: number;
  index: number;
}

/** One part of a session, as this end knows it. */
export interface Entry {
  key: string;
  session: string;
  part: number;
  initiator: string;
  responder: string;
  service: string;
  startMs: number;
  /** open: it goes on, or broke off; settled: both ends agree; unsettled: the other end was not heard of again. */
  state: 'open' | 'settled' | 'unsettled';
  view: View;
  /** The record that is attested, and its digest in hex. */
  record: Buffer | null;
  digest: string | null;
  place: LedgerPlace | null;
}

interface StoredTally {
  bytes: number;
  records: number;
  digest: string;
}
const toStored = ({ digest, ...rest }: Tally): StoredTally => ({ ...rest, digest: digest.toString('hex') });
const fromStored = ({ digest, ...rest }: StoredTally): Tally => ({ ...rest, digest: Buffer.from(digest, 'hex') });

const toText = ({ view, record, ...rest }: Entry): string =>
  JSON.stringify({
    ...rest,
    view: { ...view, received: toStored(view.received), acked: toStored(view.acked) },
    record: record?.toString('base64') ?? null,
  });

function fromText(text: string): Entry {
  const { view, record, ...rest } = JSON.parse(text) as Omit<Entry, 'view' | 'record'> & {
    view: Omit<View, 'received' | 'acked'> & { received: StoredTally; acked: StoredTally };
    record: string | null;
  };
  return {
    ...rest,
    view: { ...view, received: fromStored(view.received), acked: fromStored(view.acked) },
    record: record === null ? null : Buffer.from(record, 'base64'),
  };
}

const placeOf = ({ startMs, key }: Pick<Entry, 'startMs' | 'key'>) => `s/${String(startMs).padStart(15, '0')}/${key}`;
const DURABLE = { sync: true };
/** Of what lies in the book; under this key in every format, as a decimal number. Raised as that of the blocks is (docs/adr/0021). */
export const BOOK_FORMAT = 1;
const FORMAT_KEY = 'format';

/** Marks a book that has no mark yet. Throws store-newer if a later program wrote it. */
async function checkFormat(db: ClassicLevel<string, string>): Promise<void> {
  const format = await db.get(FORMAT_KEY);
  if (format === undefined) return db.put(FORMAT_KEY, String(BOOK_FORMAT), DURABLE);
  if (Number(format) <= BOOK_FORMAT) return;
  throw new LedgerError(
    'store-newer',
    `the book of overlay sessions is of format ${format}, and this program knows formats up to ${BOOK_FORMAT}: it was left ` +
      `as it is; start the version that wrote it, or a later one. ` +
      `覆盖网络会话账的格式为 ${format}，本程序只认识到 ${BOOK_FORMAT}：未被改动，请启动写入它的版本或更新的版本。`,
  );
}

/**
 * The sessions of this end, on disk before anything is said of them: kept under their start and their key, and under
 * `p/` while they are not on the ledger. Policies that were in force are kept too, so that one can be taken up again.
 */
export class SessionBook {
  /** Changes follow one another: each reads what it changes. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(private readonly db: ClassicLevel<string, string>) {}

  /** Throws store-newer if a later program wrote it. */
  static async open(dir: string): Promise<SessionBook> {
    const db = new ClassicLevel<string, string>(dir);
    await db.open();
    try {
      await checkFormat(db);
    } catch (error) {
      await db.close();
      throw error;
    }
    return new SessionBook(db);
  }

  async close(): Promise<void> {
    await this.#last.catch(() => {});
    await this.db.close();
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#last.then(change, change);
    this.#last = done;
    return done;
  }

  /** A part begins. */
  async begin(
    part: Pick<Entry, 'part' | 'initiator' | 'responder' | 'service'> & { session: Buffer; view: View },
  ): Promise<Entry> {
    const key = sessionKey(part.session, part.part).toString('hex');
    const session = part.session.toString('hex');
    const { startMs } = part.view;
    const entry: Entry = { ...part, key, session, startMs, state: 'open', record: null, digest: null, place: null };
    await this.#inTurn(() => this.#put(entry, true));
    return entry;
  }

  /** What is known so far; lost at most by a power cut. */
  note(key: string, view: View): Promise<void> {
    return this.#inTurn(async () => {
      const entry = await this.get(key);
      if (entry?.state === 'open') await this.db.put(placeOf(entry), toText({ ...entry, view }));
    });
  }

  /** What is to be attested: once written it does not change. Gives the entry as it is then. */
  conclude(key: string, record: SessionRecord, state: 'settled' | 'unsettled'): Promise<Entry> {
    return this.#inTurn(async () => {
      const entry = await this.get(key);
      if (entry === null) throw new Error(`session part ${key} was never begun`);
      if (entry.state !== 'open') return entry;
      const encoded = encodeSessionRecord(record);
      const digest = sessionDigest(encoded).toString('hex');
      const concluded: Entry = { ...entry, state, record: encoded, digest };
      await this.#put(concluded, true);
      return concluded;
    });
  }

  /** It is on the ledger. */
  attested(key: string, place: LedgerPlace): Promise<void> {
    return this.#inTurn(async () => {
      const entry = await this.get(key);
      if (entry !== null) await this.#put({ ...entry, place }, false);
    });
  }

  /** Nothing ever went through it, and the other end does not know of it. */
  forget(key: string): Promise<void> {
    return this.#inTurn(async () => {
      const entry = await this.get(key);
      if (entry === null) return;
      const batch = this.db.batch().del(placeOf(entry)).del(`k/${key}`).del(`p/${key}`);
      await batch.write(DURABLE);
    });
  }

  async get(key: string): Promise<Entry | null> {
    const place = await this.db.get(`k/${key}`);
    const text = place === undefined ? undefined : await this.db.get(place);
    return text === undefined ? null : fromText(text);
  }

  /** Those that are not on the ledger yet. */
  async pending(): Promise<Entry[]> {
    const keys = await this.db.keys({ gte: 'p/', lt: 'p0' }).all();
    const entries = await Promise.all(keys.map((key) => this.get(key.slice(2))));
    return entries.filter((entry) => entry !== null);
  }

  /** The newest first, those that began before a time. */
  async list(limit: number, beforeMs = Number.MAX_SAFE_INTEGER): Promise<Entry[]> {
    const lt = `s/${String(Math.min(beforeMs, 999_999_999_999_999)).padStart(15, '0')}`;
    const texts = await this.db.values({ gt: 's/', lt, reverse: true, limit }).all();
    return texts.map(fromText);
  }

  keepPolicy(version: number, document: Buffer): Promise<void> {
    return this.#inTurn(() => this.db.put(`v/${String(version).padStart(10, '0')}`, document.toString('utf8')));
  }

  /** The newest first. */
  async policies(limit: number): Promise<{ version: number; document: string }[]> {
    const found = await this.db.iterator({ gt: 'v/', lt: 'v0', reverse: true, limit }).all();
    return found.map(([key, document]) => ({ version: Number(key.slice(2)), document }));
  }

  async #put(entry: Entry, isPending: boolean): Promise<void> {
    const place = placeOf(entry);
    const batch = this.db.batch().put(place, toText(entry)).put(`k/${entry.key}`, place);
    if (isPending) batch.put(`p/${entry.key}`, '');
    else batch.del(`p/${entry.key}`);
    await batch.write(DURABLE);
  }
}

/** The record of a part that this end alone speaks for. */
export function unsettledRecord(chainId: string, memberId: string, entry: Entry): SessionRecord {
  const { session, part, initiator, responder, service, view } = entry;
  const isInitiator = memberId === initiator;
  return {
    chainId,
    session: Buffer.from(session, 'hex'),
    part,
    initiator,
    responder,
    service,
    there: isInitiator ? view.acked : view.received,
    back: isInitiator ? view.received : view.acked,
    startMs: view.startMs,
    endMs: Math.max(view.startMs, view.lastMs),
    ending: Ending.broken,
  };
}

export const recordOf = (entry: Entry): SessionRecord | null =>
  entry.record === null ? null : decodeSessionRecord(entry.record);

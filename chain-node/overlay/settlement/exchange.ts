import { decode, type Reader, Writer } from '../../codec/bytes.ts';
import { HASH_BYTES } from '../../codec/record.ts';
import { readTally } from '../session/tally.ts';
import type { SessionRecord, View } from './record.ts';
import { writeView } from './record.ts';

/** What two ends tell each other of sessions that broke off, at their next contact. */
export const MAX_ITEMS = 64;
const MAX_RECORD_BYTES = 1024;
export const MAX_MESSAGE_BYTES = 256 * 1024;

export interface Question {
  session: Buffer;
  part: number;
  view: View;
  /** If the asker has concluded it already. */
  record: Buffer | null;
}

const readView = (reader: Reader): View => ({
  received: readTally(reader),
  acked: readTally(reader),
  startMs: reader.u64(),
  lastMs: reader.u64(),
});

export const encodeQuestions = (questions: readonly Question[]): Buffer =>
  new Writer()
    .list(questions, (writer, { session, part, view, record }) =>
      writeView(writer.raw(session).u32(part), view).list(record === null ? [] : [record], (inner, one) =>
        inner.bytes(one),
      ),
    )
    .done();

export const decodeQuestions = (data: Uint8Array): Question[] =>
  decode(data, (reader) =>
    reader.list(MAX_ITEMS, (inner) => ({
      session: inner.raw(HASH_BYTES),
      part: inner.u32(),
      view: readView(inner),
      record: inner.list(1, (one) => one.bytes(MAX_RECORD_BYTES))[0] ?? null,
    })),
  );

/** One answer a question: the record, or null of a session that the other end does not know. */
export const encodeAnswers = (answers: readonly (Buffer | null)[]): Buffer =>
  new Writer()
    .list(answers, (writer, answer) => writer.list(answer === null ? [] : [answer], (inner, one) => inner.bytes(one)))
    .done();

export const decodeAnswers = (data: Uint8Array): (Buffer | null)[] =>
  decode(data, (reader) =>
    reader.list(MAX_ITEMS, (inner) => inner.list(1, (one) => one.bytes(MAX_RECORD_BYTES))[0] ?? null),
  );

type Names = Pick<SessionRecord, 'chainId' | 'part' | 'initiator' | 'responder' | 'service'> & { session: Buffer };

/** Whether a record that the other end gives can be true, by what this end knows of the session. */
export function isPlausible(record: SessionRecord, names: Names, isInitiator: boolean, view: View): boolean {
  const isOfIt =
    record.chainId === names.chainId &&
    record.session.equals(names.session) &&
    record.part === names.part &&
    record.initiator === names.initiator &&
    record.responder === names.responder &&
    record.service === names.service;
  const [sent, received] = isInitiator ? [record.there, record.back] : [record.back, record.there];
  const isAtLeast = (claimed: View['acked'], known: View['acked']) =>
    claimed.records > known.records || (claimed.records === known.records && claimed.digest.equals(known.digest));
  const isInTime = record.endMs >= record.startMs && (!isInitiator || record.startMs === view.startMs);
  return isOfIt && isInTime && isAtLeast(sent, view.acked) && isAtLeast(received, view.received);
}

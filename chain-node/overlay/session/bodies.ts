import { LedgerError } from '../../errors.ts';

/** First byte of what a record holds. Numbers are never used again for anything else. */
export const Body = {
  open: 1,
  data: 2,
  credit: 3,
  end: 4,
  reset: 5,
  rekeyOffer: 16,
  rekeyAnswer: 17,
  rekeyed: 18,
  settle: 32,
  settled: 33,
  confirm: 34,
} as const;
export type Body = (typeof Body)[keyof typeof Body];

/** Type and stream of what concerns one stream. */
export const STREAM_HEAD_BYTES = 5;

const TYPES: ReadonlySet<number> = new Set(Object.values(Body));

/** Type of a body. Throws encoding-invalid. */
export function bodyType(body: Buffer): Body {
  const type = body[0];
  if (type === undefined || !TYPES.has(type)) throw new LedgerError('encoding-invalid', `record of type ${type}`);
  return type as Body;
}

/** Application bytes in a body: what is counted. */
export const dataBytesIn = (body: Buffer): number => (body[0] === Body.data ? body.length - STREAM_HEAD_BYTES : 0);

/** Whether a part of the session ends with this body, in the direction in which it goes. */
export const endsPart = (body: Buffer): boolean => body[0] === Body.settle || body[0] === Body.settled;

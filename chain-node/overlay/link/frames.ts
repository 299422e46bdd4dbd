import { decode, Writer } from '../../codec/bytes.ts';
import { MAX_MEMBERS } from '../../codec/member.ts';
import { MAX_NAME_BYTES } from '../../codec/record.ts';
import { LedgerError } from '../../errors.ts';

/** First byte of a frame on an overlay link; 1 is the hello of p2p/hello.ts. */
export const LinkFrame = { hello: 1, ping: 2, pong: 3, reach: 4, packet: 5, lost: 6 } as const;
export type LinkFrame = (typeof LinkFrame)[keyof typeof LinkFrame];

/** One record of a session and its heads. */
export const MAX_LINK_FRAME_BYTES = 512 * 1024;
/** Source, at most two relays, destination. */
export const MAX_ROUTE = 4;
export const MAX_RELAYS = 16;
/** Room for the longest head of a packet. */
export const PACKET_HEADROOM = 3 + MAX_ROUTE * (1 + MAX_NAME_BYTES);

export interface Ping {
  id: number;
  timeMs: number;
}
export const encodePing = (kind: 2 | 3, { id, timeMs }: Ping): Buffer =>
  new Writer().u8(kind).u32(id).u64(timeMs).done();
export const decodePing = (frame: Buffer): Ping =>
  decode(frame.subarray(1), (reader) => ({ id: reader.u32(), timeMs: reader.u64() }));

/** A member at the other end of a link, and how far away it is. */
export interface Near {
  memberId: string;
  rttMs: number;
  lossPercent: number;
}

/** What a relay tells those that are linked to it: whom it is linked to, and whom the relays are that it is linked to. */
export interface Reach {
  near: Near[];
  beyond: { relayId: string; near: Near[] }[];
}

const writeNear = (writer: Writer, { memberId, rttMs, lossPercent }: Near) =>
  void writer
    .str(memberId)
    .u32(Math.min(Math.round(rttMs), 0xffffffff))
    .u8(Math.round(lossPercent));

export const encodeReach = ({ near, beyond }: Reach): Buffer =>
  new Writer()
    .u8(LinkFrame.reach)
    .list(near, writeNear)
    .list(beyond, (inner, one) => inner.str(one.relayId).list(one.near, writeNear))
    .done();

export const decodeReach = (frame: Buffer): Reach =>
  decode(frame.subarray(1), (reader) => {
    const readNear = (inner: typeof reader): Near => {
      const near = { memberId: inner.str(MAX_NAME_BYTES), rttMs: inner.u32(), lossPercent: inner.u8() };
      if (near.lossPercent > 100) throw new LedgerError('encoding-invalid', 'more than all is lost');
      return near;
    };
    return {
      near: reader.list(MAX_MEMBERS, readNear),
      beyond: reader.list(MAX_RELAYS, (inner) => ({
        relayId: inner.str(MAX_NAME_BYTES),
        near: inner.list(MAX_MEMBERS, readNear),
      })),
    };
  });

/** Members on the way, source first, destination last. */
export type Route = readonly string[];

const routeBytes = (route: Route) => 3 + route.reduce((sum, memberId) => sum + 1 + Buffer.byteLength(memberId), 0);

/** Writes a packet's head so that it ends at `end`; gives where it begins. The hop that receives it first is 1. */
export function writePacketHead(target: Buffer, end: number, kind: 5 | 6, route: Route): number {
  const start = end - routeBytes(route);
  target[start] = kind;
  target[start + 1] = 1;
  target[start + 2] = route.length;
  let at = start + 3;
  for (const memberId of route) {
    const length = target.write(memberId, at + 1, 'ascii');
    target[at] = length;
    at += 1 + length;
  }
  return start;
}

export interface Packet {
  /** Which member of the route this frame is meant for now. */
  hop: number;
  route: string[];
  /** A view. */
  payload: Buffer;
}

const bad = (reason: string) => new LedgerError('encoding-invalid', `packet: ${reason}`);

/** Reads a packet, or a report of a lost one; the payload is a view. Throws encoding-invalid. */
export function readPacket(frame: Buffer): Packet {
  const [, hop, count] = frame;
  if (count === undefined || hop === undefined) throw bad('cut short');
  if (count < 2 || count > MAX_ROUTE || hop < 1 || hop >= count) throw bad('route');
  const route: string[] = [];
  let at = 3;
  for (let i = 0; i < count; i += 1) {
    const length = frame[at] ?? 0;
    if (length === 0 || length > MAX_NAME_BYTES || at + 1 + length > frame.length) throw bad('name on the route');
    route.push(frame.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  if (new Set(route).size !== count) throw bad('a route passes nobody twice');
  return { hop, route, payload: frame.subarray(at) };
}

/** Makes a received packet one for the next hop, in place. */
export function advance(frame: Buffer): void {
  frame[1]! += 1;
}

/** Tells the source, back over the same members, that its packet went no further than here. */
export function lostFrame(route: Route, hop: number): Buffer {
  const back = route.slice(0, hop + 1).reverse();
  const payload = new Writer().list(route, (writer, memberId) => writer.str(memberId)).done();
  const frame = Buffer.allocUnsafe(PACKET_HEADROOM + payload.length);
  payload.copy(frame, PACKET_HEADROOM);
  return frame.subarray(writePacketHead(frame, PACKET_HEADROOM, LinkFrame.lost, back));
}

/** The route that failed, of a report. */
export const lostRoute = (payload: Buffer): string[] =>
  decode(payload, (reader) => reader.list(MAX_ROUTE, (inner) => inner.str(MAX_NAME_BYTES)));

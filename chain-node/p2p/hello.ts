import type { TLSSocket } from 'node:tls';
import type { RawData, WebSocket } from 'ws';
import { sm2 } from '../../platform/crypto/index.ts';
import type { Logger } from '../../platform/observe/logger.ts';
import { Writer } from '../codec/bytes.ts';
import { LedgerError } from '../errors.ts';
import { decodeHello, encodeHello, Frame, frame, splitFrame } from './frames.ts';
import { certifiedName } from './tls.ts';

const EXPORTER_LABEL = 'EXPORTER-sealfolio-hello';
export const HELLO_WITHIN_MS = 5000;
export const Side = { dialer: 0, listener: 1 } as const;
export type Side = (typeof Side)[keyof typeof Side];

export interface HelloOptions {
  /** Tells the protocols apart that begin like this. */
  tag: Buffer;
  chainId: string;
  memberId: string;
  privateKey(): Uint8Array;
  keyOf(memberId: string): Uint8Array | undefined;
  /** Whom a dialer means to reach. */
  expected?: string;
  logger: Logger;
  /** Called within the event that brought the proof: whatever comes next is the member's. */
  onProven(memberId: string): void;
}

/** What an end of a link signs to prove who it is. `exporter`: the link's own bytes. */
export const helloMessage = (
  { tag, chainId }: Pick<HelloOptions, 'tag' | 'chainId'>,
  { memberId, side, exporter }: { memberId: string; side: Side; exporter: Uint8Array },
): Buffer => new Writer().raw(tag).str(chainId).str(memberId).u8(side).raw(exporter).done();

/** The link's own bytes (RFC 8446 §7.5); null if it is closed. */
function exporterOf(socket: TLSSocket): Buffer | null {
  try {
    return socket.exportKeyingMaterial(32, EXPORTER_LABEL, Buffer.alloc(0));
  } catch {
    return null;
  }
}

/**
 * Both ends of a WebSocket over TLS say who they are and prove it, by a signature over the link's exporter value
 * (RFC 8446 §7.5): a certificate alone cannot speak for a member, and a hello cannot be passed on. Closes it with 1008
 * on anything else.
 */
export function greet(ws: WebSocket, socket: TLSSocket, side: Side, options: HelloOptions): void {
  const { memberId, privateKey, keyOf, expected, logger, onProven } = options;
  ws.on('error', (error) => logger.debug({ reason: error.message }, 'link'));
  const exporter = exporterOf(socket);
  // The other end is gone already.
  if (exporter === null) return ws.terminate();
  const messageOf = (speaker: string, at: Side) => helloMessage(options, { memberId: speaker, side: at, exporter });
  const otherSide = side === Side.dialer ? Side.listener : Side.dialer;
  const timer = setTimeout(() => ws.terminate(), HELLO_WITHIN_MS);
  ws.once('close', () => clearTimeout(timer));
  ws.once('message', (data: RawData) => {
    clearTimeout(timer);
    try {
      const { kind, payload } = splitFrame(data as Buffer);
      if (kind !== Frame.hello) throw new LedgerError('encoding-invalid', 'a link begins with hello');
      const hello = decodeHello(payload);
      const publicKey = keyOf(hello.memberId);
      const isExpected = hello.memberId !== memberId && (expected ?? hello.memberId) === hello.memberId;
      const isProven =
        publicKey !== undefined && sm2.verify(publicKey, messageOf(hello.memberId, otherSide), hello.signature);
      if (!isExpected || !isProven || certifiedName(socket) !== hello.memberId)
        throw new LedgerError('signature-invalid', 'hello of no member');
      onProven(hello.memberId);
    } catch (error) {
      if (!(error instanceof LedgerError)) throw error;
      logger.warn({ code: error.code, reason: error.reason, remote: socket.remoteAddress }, 'link refused');
      ws.close(1008, error.reason);
    }
  });
  try {
    const signature = sm2.sign(privateKey(), messageOf(memberId, side));
    ws.send(frame(Frame.hello, encodeHello({ memberId, signature })));
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    // We were removed, or our key was replaced by one that is not here.
    logger.warn({ code: error.code, reason: error.reason }, 'no hello from here');
    ws.terminate();
  }
}

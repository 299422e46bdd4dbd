import { readFileSync } from 'node:fs';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type RawData, WebSocket, WebSocketServer } from 'ws';
import { sm2 } from '../../platform/crypto/index.ts';
import type { Logger } from '../../platform/observe/logger.ts';
import { tag, Writer } from '../codec/bytes.ts';
import { LedgerError } from '../errors.ts';
import type { Genesis } from '../genesis.ts';
import type { LinkEvents, Links } from '../world.ts';
import { decodeHello, encodeHello, Frame, frame, MAX_FRAME_BYTES, splitFrame } from './frames.ts';

export interface TlsFiles {
  certFile: string;
  keyFile: string;
  caFile: string;
}

export interface NetworkOptions extends LinkEvents {
  memberId: string;
  privateKey: Uint8Array;
  genesis: Genesis;
  host: string;
  port: number;
  tls: TlsFiles;
  peers: readonly { memberId: string; url: string }[];
  logger: Logger;
}

const HELLO_TAG = tag('sealfolio/hello/1');
const EXPORTER_LABEL = 'EXPORTER-sealfolio-hello';
const HELLO_WITHIN_MS = 5000;
const SILENT_AFTER_MS = 10_000;
const MAX_UNSENT_BYTES = 32 * 1024 * 1024;
const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 3000;
const Side = { dialer: 0, listener: 1 } as const;

interface Link {
  ws: WebSocket;
  heardAt: number;
}

/**
 * Links to the other members: WebSocket over TLS 1.3 with certificates on both sides, one link a pair (the lower id
 * dials). Each end proves its ledger key by signing the link's TLS exporter value (RFC 8446 §7.5), so that a
 * certificate alone cannot speak for a member and a hello cannot be passed on.
 */
export class Network implements Links {
  readonly #links = new Map<string, Link>();
  readonly #server: https.Server;
  readonly #retries = new Set<NodeJS.Timeout>();
  readonly #watch: NodeJS.Timeout;
  readonly #tls: { cert: Buffer; key: Buffer; ca: Buffer; minVersion: 'TLSv1.3' };
  #closed = false;

  constructor(private readonly options: NetworkOptions) {
    const { certFile, keyFile, caFile } = options.tls;
    const [cert, key, ca] = [certFile, keyFile, caFile].map((file) => readFileSync(file));
    this.#tls = { cert: cert!, key: key!, ca: ca!, minVersion: 'TLSv1.3' };
    this.#server = https.createServer({ ...this.#tls, requestCert: true, rejectUnauthorized: true });
    const sockets = new WebSocketServer({
      server: this.#server,
      maxPayload: MAX_FRAME_BYTES,
      perMessageDeflate: false,
    });
    sockets.on('connection', (ws, request) => this.#greet(ws, request.socket as TLSSocket, Side.listener));
    this.#watch = setInterval(() => this.#dropSilent(), SILENT_AFTER_MS / 2);
  }

  /** Listens and begins to dial; gives the port. */
  async start(): Promise<number> {
    const { host, port, peers, memberId } = this.options;
    await new Promise<void>((done, fail) => {
      this.#server.once('error', fail);
      this.#server.listen(port, host, done);
    });
    for (const peer of peers) if (memberId < peer.memberId) this.#dial(peer, FIRST_RETRY_MS);
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#watch);
    for (const timer of this.#retries) clearTimeout(timer);
    for (const { ws } of this.#links.values()) ws.terminate();
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  connected(): string[] {
    return [...this.#links.keys()].sort();
  }

  isConnected(memberId: string): boolean {
    return this.#links.has(memberId);
  }

  broadcast(bytes: Buffer): void {
    for (const memberId of this.#links.keys()) this.send(memberId, bytes);
  }

  send(memberId: string, bytes: Buffer): void {
    const link = this.#links.get(memberId);
    if (link === undefined) return;
    if (link.ws.bufferedAmount > MAX_UNSENT_BYTES) {
      this.options.logger.warn({ peer: memberId }, 'peer does not take what we send: link closed');
      link.ws.terminate();
      return;
    }
    link.ws.send(bytes);
  }

  #dial(peer: { memberId: string; url: string }, retryMs: number): void {
    if (this.#closed) return;
    const ws = new WebSocket(peer.url, {
      ...this.#tls,
      maxPayload: MAX_FRAME_BYTES,
      perMessageDeflate: false,
      handshakeTimeout: HELLO_WITHIN_MS,
    });
    let retry = retryMs;
    ws.once('upgrade', (response) => {
      ws.once('open', () => {
        retry = FIRST_RETRY_MS;
        this.#greet(ws, response.socket as TLSSocket, Side.dialer, peer.memberId);
      });
    });
    ws.on('error', (error) => this.options.logger.debug({ peer: peer.memberId, reason: error.message }, 'link'));
    ws.once('close', () => {
      if (this.#closed) return;
      const timer = setTimeout(
        () => {
          this.#retries.delete(timer);
          this.#dial(peer, Math.min(retry * 2, MAX_RETRY_MS));
        },
        retry * (0.5 + Math.random()),
      );
      this.#retries.add(timer);
    });
  }

  #helloMessage(memberId: string, side: number, exporter: Buffer): Buffer {
    const { chainId } = this.options.genesis;
    return new Writer().raw(HELLO_TAG).str(chainId).str(memberId).u8(side).raw(exporter).done();
  }

  /** Both ends say who they are and prove it; only then does the link count. */
  #greet(ws: WebSocket, socket: TLSSocket, side: number, expected?: string): void {
    const { memberId, privateKey, logger, genesis } = this.options;
    const exporter = socket.exportKeyingMaterial(32, EXPORTER_LABEL, Buffer.alloc(0));
    const signature = sm2.sign(privateKey, this.#helloMessage(memberId, side, exporter));
    const timer = setTimeout(() => ws.terminate(), HELLO_WITHIN_MS);
    ws.on('error', (error) => logger.debug({ reason: error.message }, 'link'));
    ws.once('close', () => clearTimeout(timer));
    ws.once('message', (data: RawData) => {
      clearTimeout(timer);
      try {
        const { kind, payload } = splitFrame(data as Buffer);
        if (kind !== Frame.hello) throw new LedgerError('encoding-invalid', 'a link begins with hello');
        const hello = decodeHello(payload);
        const peer = genesis.members.find((member) => member.memberId === hello.memberId);
        const message = this.#helloMessage(hello.memberId, 1 - side, exporter);
        const known =
          peer !== undefined && hello.memberId !== memberId && (expected ?? peer.memberId) === peer.memberId;
        if (!known || !sm2.verify(peer.publicKey, message, hello.signature))
          throw new LedgerError('signature-invalid', 'hello of no member');
        this.#admit(hello.memberId, ws);
      } catch (error) {
        if (!(error instanceof LedgerError)) throw error;
        logger.warn({ code: error.code, reason: error.reason, remote: socket.remoteAddress }, 'link refused');
        ws.close(1008);
      }
    });
    ws.send(frame(Frame.hello, encodeHello({ memberId, signature })));
  }

  #admit(memberId: string, ws: WebSocket): void {
    const { logger, onFrame, onOpen } = this.options;
    this.#links.get(memberId)?.ws.terminate();
    const link = { ws, heardAt: Date.now() };
    this.#links.set(memberId, link);
    ws.once('close', () => {
      if (this.#links.get(memberId) === link) this.#links.delete(memberId);
      logger.info({ peer: memberId }, 'link closed');
    });
    ws.on('message', (data: RawData) => {
      link.heardAt = Date.now();
      const refuse = (error: unknown) => {
        if (!(error instanceof LedgerError)) throw error;
        if (this.#closed) return;
        logger.warn({ peer: memberId, code: error.code, reason: error.reason }, 'bad frame: link closed');
        ws.close(1008);
      };
      try {
        const { kind, payload } = splitFrame(data as Buffer);
        onFrame(memberId, kind, payload).catch(refuse);
      } catch (error) {
        refuse(error);
      }
    });
    logger.info({ peer: memberId }, 'link open');
    onOpen(memberId);
  }

  #dropSilent(): void {
    for (const { ws, heardAt } of this.#links.values()) if (Date.now() - heardAt > SILENT_AFTER_MS) ws.terminate();
  }
}

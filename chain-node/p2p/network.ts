import type { IncomingMessage } from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type RawData, type WebSocket } from 'ws';
import type { Logger } from '../../platform/observe/logger.ts';
import { tag } from '../codec/bytes.ts';
import { LedgerError } from '../errors.ts';
import type { LinkEvents, Links } from '../world.ts';
import { boundControlFrames } from './control-frames.ts';
import { dialWebSocket } from './dial.ts';
import { MAX_FRAME_BYTES, splitFrame } from './frames.ts';
import { gather } from './gather.ts';
import { greet, HELLO_WITHIN_MS, Side } from './hello.ts';
import { linkFaultOf } from './link-fault.ts';
import { Inflow } from './inflow.ts';
import { Outflow } from './outflow.ts';
import { Places } from './places.ts';
import { LinkTls, type TlsFiles } from './tls.ts';
import { Handshakes, OtherVersions } from './versions.ts';

export type { TlsFiles } from './tls.ts';

export interface NetworkOptions extends LinkEvents {
  memberId: string;
  chainId: string;
  host: string;
  port: number;
  tls: TlsFiles;
  peers: readonly Peer[];
  /** Who else serves WebSockets on this port, by path. */
  upgrades?: Readonly<Record<string, Upgrade>>;
  logger: Logger;
}
export interface Peer {
  memberId: string;
  url: string;
  /** Whether it is we who dial; by default the lower id does. */
  dial?: boolean | undefined;
}
export type Upgrade = (request: IncomingMessage, socket: TLSSocket, head: Buffer) => void;

export const HELLO_TAG = tag('sealfolio/hello/1');
/** Of the frames between nodes (docs/ledger-protocol.md, Links): those that this node speaks, the one it likes best first. */
const VERSIONS = ['sealfolio.ledger.1'];
const SILENT_AFTER_MS = 10_000;
/** Strangers, who are bounded by themselves, and a ledger's and an overlay's link of each member. */
const MAX_CONNECTIONS = 1280;
const CHECK_EVERY_MS = 1000;
const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 3000;

interface Link {
  ws: WebSocket;
  outflow: Outflow;
  heardAt: number;
}

/**
 * Links to the other members: WebSocket over TLS 1.3 with certificates on both sides, one link a pair (the lower id
 * dials, unless the configuration says otherwise). Each end proves its ledger key (hello.ts).
 */
export class Network implements Links {
  readonly #links = new Map<string, Link>();
  /** All of them, those that are not links yet too. */
  readonly #sockets = new Set<WebSocket>();
  readonly #places: Places;
  readonly #server: https.Server;
  readonly #retries = new Set<NodeJS.Timeout>();
  readonly #watch: NodeJS.Timeout;
  readonly #tls: LinkTls;
  #closed = false;

  constructor(private readonly options: NetworkOptions) {
    this.#tls = new LinkTls(options.tls, options.trust, options.logger);
    this.#places = new Places((remote) => options.logger.debug({ remote }, 'connection closed: others came after it'));
    this.#server = https.createServer({
      ...this.#tls.listening(),
      handshakeTimeout: HELLO_WITHIN_MS,
      headersTimeout: HELLO_WITHIN_MS,
      requestTimeout: HELLO_WITHIN_MS,
      connectionsCheckingInterval: CHECK_EVERY_MS,
    });
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.on('connection', (socket: Socket) => this.#places.add(socket));
    this.#tls.keep(this.#server);
    const { onOtherVersions } = options;
    const handshakes = new Handshakes({ versions: VERSIONS, maxPayload: MAX_FRAME_BYTES, onOtherVersions });
    this.#server.on('upgrade', (request, socket, head) => {
      const other = options.upgrades?.[request.url ?? ''];
      if (other !== undefined) {
        this.#places.release(socket as TLSSocket);
        return other(request, socket as TLSSocket, head);
      }
      handshakes.answer(request, socket as TLSSocket, head, (ws) => {
        this.#track(ws);
        this.#greet(ws, socket as TLSSocket, Side.listener);
      });
    });
    this.#watch = setInterval(() => this.#dropSilent(), SILENT_AFTER_MS / 2);
  }

  /** Listens and begins to dial; gives the port. */
  async start(): Promise<number> {
    const { host, port, peers, memberId } = this.options;
    await new Promise<void>((done, fail) => {
      this.#server.once('error', fail);
      this.#server.listen(port, host, done);
    });
    for (const peer of peers) if (peer.dial ?? memberId < peer.memberId) this.#dial(peer, FIRST_RETRY_MS);
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#watch);
    for (const timer of this.#retries) clearTimeout(timer);
    for (const ws of this.#sockets) ws.terminate();
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

  send(memberId: string, bytes: Buffer): boolean {
    const link = this.#links.get(memberId);
    if (link === undefined) return false;
    const sent = link.outflow.send(bytes);
    if (sent === 'taken') return true;
    if (sent === 'let-fall') this.options.onUnsent(memberId);
    else {
      this.options.logger.warn({ peer: memberId }, 'peer does not take what we send: link closed');
      link.ws.terminate();
    }
    return false;
  }

  drop(memberId: string): void {
    this.#links.get(memberId)?.ws.close(1000);
  }

  #track(ws: WebSocket): void {
    this.#sockets.add(ws);
    ws.once('close', () => this.#sockets.delete(ws));
    boundControlFrames(ws, () =>
      this.options.logger.warn({ peer: this.#memberOf(ws) }, 'flood of control frames: link closed'),
    );
  }

  /** undefined: it has not proven who it is. */
  #memberOf(ws: WebSocket): string | undefined {
    return [...this.#links].find(([, link]) => link.ws === ws)?.[0];
  }

  #dial(peer: { memberId: string; url: string }, retryMs: number): void {
    if (this.#closed) return;
    const tls = this.#tls.dialing(peer.memberId);
    const ws = dialWebSocket({ url: peer.url, tls, maxPayload: MAX_FRAME_BYTES, versions: VERSIONS });
    this.#track(ws);
    let retry = retryMs;
    ws.once('upgrade', (response) => {
      ws.once('open', () => {
        retry = FIRST_RETRY_MS;
        this.#greet(ws, response.socket as TLSSocket, Side.dialer, peer.memberId);
      });
    });
    ws.on('error', (error) => {
      if (error instanceof OtherVersions) return this.options.onOtherVersions(peer.memberId, error.versions);
      this.options.logger.debug({ peer: peer.memberId, reason: error.message }, 'link');
    });
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

  #greet(ws: WebSocket, socket: TLSSocket, side: Side, expected?: string): void {
    const onProven = (memberId: string) => this.#admit(memberId, ws, socket);
    greet(ws, socket, side, { ...this.options, tag: HELLO_TAG, onProven, ...(expected !== undefined && { expected }) });
  }

  #admit(memberId: string, ws: WebSocket, socket: TLSSocket): void {
    const { logger, onFrame, onOpen, onFault } = this.options;
    this.#links.get(memberId)?.ws.terminate();
    this.#places.release(socket);
    const write = (bytes: Buffer) => {
      gather(socket);
      ws.send(bytes);
    };
    const link = { ws, outflow: new Outflow({ socket, write }), heardAt: Date.now() };
    this.#links.set(memberId, link);
    ws.once('close', () => {
      if (this.#links.get(memberId) === link) this.#links.delete(memberId);
      logger.info({ peer: memberId }, 'link closed');
    });
    ws.once('error', (error) => {
      const fault = linkFaultOf(error);
      if (fault === null) return;
      onFault(memberId, fault);
      logger.warn({ peer: memberId, code: fault, reason: error.message }, 'bad frame: link closed');
    });
    let isRefused = false;
    const inflow = new Inflow(ws, {
      now: Date.now,
      after: (ms, run) => {
        const timer = setTimeout(run, ms);
        return { cancel: () => clearTimeout(timer) };
      },
      onHeld: () => logger.warn({ peer: memberId }, 'more frames than a peer’s share: read no faster than it grows'),
    });
    ws.once('close', () => inflow.close());
    const refuse = (error: unknown) => {
      if (!(error instanceof LedgerError)) throw error;
      if (this.#closed || isRefused) return;
      isRefused = true;
      logger.warn({ peer: memberId, code: error.code, reason: error.reason }, 'bad frame: link closed');
      ws.resume();
      ws.close(1008);
      const timer = setTimeout(() => ws.terminate(), HELLO_WITHIN_MS);
      ws.once('close', () => clearTimeout(timer));
    };
    const handle = async (data: Buffer) => {
      const { kind, payload } = splitFrame(data);
      await onFrame(memberId, kind, payload);
    };
    ws.on('message', (data: RawData) => {
      // What comes after a bad frame, until the other end closes too, is not looked at.
      if (isRefused) return;
      link.heardAt = Date.now();
      const { length } = data as Buffer;
      inflow.began(length);
      void handle(data as Buffer)
        .catch(refuse)
        .finally(() => inflow.ended(length));
    });
    logger.info({ peer: memberId }, 'link open');
    onOpen(memberId);
  }

  #dropSilent(): void {
    for (const { ws, heardAt } of this.#links.values()) if (Date.now() - heardAt > SILENT_AFTER_MS) ws.terminate();
  }
}

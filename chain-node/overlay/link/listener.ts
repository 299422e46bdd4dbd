import type { IncomingMessage } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type WebSocket } from 'ws';
import { HELLO_WITHIN_MS } from '../../p2p/hello.ts';
import { TokenBuckets } from '../../p2p/limits.ts';
import type { LinkTls } from '../../p2p/tls.ts';
import { Handshakes, type HandshakesOptions } from '../../p2p/versions.ts';
import { MAX_LINK_FRAME_BYTES } from './frames.ts';

export const OVERLAY_PATH = '/overlay';
/** Of the frames on overlay links (docs/overlay-protocol.md): those that this node speaks, the one it likes best first. */
export const VERSIONS = ['sealfolio.overlay.1'];
/** Connections that have not proven who they are. */
const MAX_UNPROVEN = 128;
const MAX_CONNECTIONS = 1024;
/** New connections from one address: a storm of them waits. */
const NEW_PER_SECOND = 5;
const NEW_BURST = 40;
const MAX_ADDRESSES = 4096;

/** Takes overlay links on a listener of its own, or on that of the ledger's links. */
export class Listener {
  readonly #handshakes: Handshakes;
  readonly #newFrom = new TokenBuckets(NEW_PER_SECOND, NEW_BURST, undefined, MAX_ADDRESSES);
  #unproven = 0;
  #server: https.Server | undefined;

  constructor(
    private readonly onLink: (ws: WebSocket, socket: TLSSocket, proven: () => void) => void,
    onOtherVersions: HandshakesOptions['onOtherVersions'],
  ) {
    this.#handshakes = new Handshakes({ versions: VERSIONS, maxPayload: MAX_LINK_FRAME_BYTES, onOtherVersions });
  }

  /** Of the ledger's listener: what it does with a request for OVERLAY_PATH. */
  readonly upgrade = (request: IncomingMessage, socket: TLSSocket, head: Buffer): void => {
    if (this.#unproven >= MAX_UNPROVEN || !this.#newFrom.take(socket.remoteAddress ?? '')) return void socket.destroy();
    this.#handshakes.answer(request, socket, head, (ws) => {
      this.#unproven += 1;
      let isCounted = true;
      const proven = () => {
        if (isCounted) this.#unproven -= 1;
        isCounted = false;
      };
      ws.once('close', proven);
      this.onLink(ws, socket, proven);
    });
  };

  /** Listens on an address of its own; gives the port. */
  async listen(host: string, port: number, tls: LinkTls): Promise<number> {
    const server = https.createServer({
      ...tls.listening(),
      handshakeTimeout: HELLO_WITHIN_MS,
      headersTimeout: HELLO_WITHIN_MS,
      requestTimeout: HELLO_WITHIN_MS,
    });
    this.#server = server;
    server.maxConnections = MAX_CONNECTIONS;
    tls.keep(server);
    server.on('request', (_request, response) => response.writeHead(404).end());
    server.on('upgrade', (request: IncomingMessage, socket: TLSSocket, head: Buffer) => {
      if (request.url === OVERLAY_PATH) this.upgrade(request, socket, head);
      else socket.destroy();
    });
    await new Promise<void>((done, fail) => {
      server.once('error', fail);
      server.listen(port, host, done);
    });
    return (server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }
}

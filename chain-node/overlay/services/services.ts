import http from 'node:http';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import type { Logger } from '../../../platform/observe/logger.ts';
import type { OverlayConfig } from '../config.ts';
import { OverlayError } from '../errors.ts';
import type { Session } from '../session/session.ts';
import type { OverlayStream } from '../session/streams.ts';
import { endToEndHeaders, forwardHttp, MEMBER_HEADER } from './http-forward.ts';
import { join } from './join.ts';

const CONNECT_WITHIN_MS = 5000;

/** What this member offers: each stream for a service goes to its target, and to nothing else. */
export class Services {
  readonly #members = new WeakMap<Duplex, string>();
  readonly #http = new Map<string, http.Server>();

  constructor(
    private readonly offered: OverlayConfig['services'],
    private readonly logger: Logger,
  ) {
    for (const [name, { host, port, protocol }] of Object.entries(offered))
      if (protocol === 'http') this.#http.set(name, this.#server(host, port));
  }

  offers(service: string): boolean {
    return Object.hasOwn(this.offered, service);
  }

  onStream(stream: OverlayStream, { peer, service }: Pick<Session, 'peer' | 'service'>): void {
    const target = this.offers(service) ? this.offered[service] : undefined;
    if (target === undefined) return void stream.destroy(new OverlayError('service-unknown', service));
    const server = this.#http.get(service);
    if (server !== undefined) {
      this.#members.set(stream, peer);
      server.emit('connection', stream);
      return;
    }
    const socket = net.connect({ host: target.host, port: target.port, allowHalfOpen: true });
    const down = (reason: string) => {
      this.logger.warn({ service, reason }, 'service does not answer');
      stream.destroy(new OverlayError('service-down', `${service} does not answer`));
      socket.destroy();
    };
    const timer = setTimeout(() => down('timeout'), CONNECT_WITHIN_MS);
    const onError = (error: Error) => {
      clearTimeout(timer);
      down(error.message);
    };
    socket.once('error', onError);
    stream.once('close', () => socket.connecting && socket.destroy());
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.off('error', onError);
      join(stream, socket);
    });
  }

  close(): void {
    for (const server of this.#http.values()) server.closeAllConnections();
  }

  /** Reads requests off streams and asks the target, saying which member asks. */
  #server(host: string, port: number): http.Server {
    return http.createServer((request, response) => {
      const member = this.#members.get(request.socket);
      const headers = { ...endToEndHeaders(request.headers), [MEMBER_HEADER]: member };
      const { method, url: path } = request;
      const outgoing = http.request({ host, port, method, path, headers, agent: false, setHost: false });
      forwardHttp(request, response, outgoing, (error) => {
        this.logger.warn({ reason: error.reason }, 'service does not answer');
        const body = JSON.stringify({ code: 'service-down', reason: 'the service does not answer' });
        response.writeHead(502, { 'content-type': 'application/json', connection: 'close' }).end(body);
      });
    });
  }
}

import { readFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { WebSocket } from 'ws';
import { HELLO_WITHIN_MS } from './hello.ts';
import { refusalIn } from './versions.ts';

/** An HTTP proxy that takes CONNECT (RFC 9110 §9.3.6). */
export interface Proxy {
  /** http://HOST:PORT */
  url: string;
  /** File with `user:password`, for basic authentication. */
  credentialsFile?: string | undefined;
}

export interface DialOptions {
  url: string;
  tls: ConnectionOptions;
  maxPayload: number;
  /** Of the protocol, the one that is liked best first. */
  versions: readonly string[];
  proxy?: Proxy | undefined;
}

type Taken = (error: Error | null, socket?: Duplex) => void;

/** Asks the proxy for a way to the host; gives the socket once it is open. */
function throughProxy({ url, credentialsFile }: Proxy, host: string, port: number, taken: Taken): void {
  const proxy = new URL(url);
  const target = `${net.isIPv6(host) ? `[${host}]` : host}:${port}`;
  const headers: http.OutgoingHttpHeaders = { host: target };
  if (credentialsFile !== undefined) {
    const credentials = readFileSync(credentialsFile, 'utf8').trim();
    headers['proxy-authorization'] = `Basic ${Buffer.from(credentials, 'utf8').toString('base64')}`;
  }
  const { hostname, port: proxyPort } = proxy;
  const request = http.request({
    host: hostname,
    port: proxyPort || 80,
    method: 'CONNECT',
    path: target,
    headers,
    agent: false,
  });
  request.setTimeout(HELLO_WITHIN_MS, () => request.destroy(new Error('the proxy does not answer')));
  request.once('connect', (response, socket, head) => {
    if (response.statusCode !== 200) {
      socket.destroy();
      return taken(new Error(`the proxy answers ${response.statusCode} to CONNECT ${target}`));
    }
    socket.setTimeout(0);
    if (head.length > 0) socket.unshift(head);
    taken(null, socket);
  });
  request.once('error', (error) => taken(error));
  // An answer without CONNECT: some proxies refuse like this.
  request.once('response', (response) => {
    request.destroy();
    taken(new Error(`the proxy answers ${response.statusCode}`));
  });
  request.end();
}

/**
 * A zero mask: RFC 6455 §10.3 masks against scripts that write what intermediaries read; here TLS is around it, and no
 * script chooses what is sent. It makes a link five times as fast (docs/adr/0013).
 */
const NO_MASK = (mask: Buffer) => void mask.fill(0);

/** Opens a WebSocket over TLS, through a proxy if one is given. Its error is OtherVersions if there is no common one. */
export function dialWebSocket({ url, tls, maxPayload, versions, proxy }: DialOptions): WebSocket {
  const { hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  const options: ConnectionOptions = { ...tls, servername: net.isIP(host) ? '' : host };
  const at = { host, port: Number(port) || 443 };
  const createConnection = (_: unknown, taken: Taken) => {
    if (proxy === undefined) return connectTls({ ...options, ...at });
    throughProxy(proxy, at.host, at.port, (error, socket) => {
      if (error !== null) return taken(error);
      taken(null, connectTls({ ...options, socket: socket! }));
    });
    return undefined;
  };
  const ws = new WebSocket(url, [...versions], {
    createConnection: createConnection as never,
    maxPayload,
    perMessageDeflate: false,
    handshakeTimeout: HELLO_WITHIN_MS,
    generateMask: NO_MASK,
  });
  ws.on('unexpected-response', (request, response) => request.destroy(refusalIn(response)));
  return ws;
}

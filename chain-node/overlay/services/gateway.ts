import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import net from 'node:net';
import { forwardedBy, forwardedReason } from '../../forwarded.ts';
import { type OverlayCode, OverlayError } from '../errors.ts';
import type { OverlayStream } from '../session/streams.ts';
import { endToEndHeaders, forwardHttp, MEMBER_HEADER } from './http-forward.ts';

export const GATEWAY_PREFIX = '/overlay/';
/** From the request to the first byte of the answer. */
const ANSWER_WITHIN_MS = 120_000;

export const STATUS_OF: Readonly<Record<OverlayCode, number>> = {
  'member-unknown': 404,
  'service-unknown': 404,
  denied: 403,
  revoked: 403,
  'service-down': 502,
  protocol: 502,
  'clock-differs': 502,
  cancelled: 502,
  unreachable: 503,
  busy: 503,
  closed: 503,
  timeout: 504,
};

function refuse(response: ServerResponse, status: number, code: string, reason: string): void {
  const body = JSON.stringify({ code, reason });
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(body);
}

const LOOPBACK = new net.BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');
function isLoopback(address: string | undefined): boolean {
  const plain = address?.replace(/^::ffff:/, '') ?? '';
  return net.isIP(plain) !== 0 && LOOPBACK.check(plain, net.isIPv6(plain) ? 'ipv6' : 'ipv4');
}
const isLocalHost = (host: string | undefined) => {
  const name = (host ?? '').replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  return name === 'localhost' || isLoopback(name);
};

/** Why a request may not use the gateway, or null. It is for programs, not for pages that a browser shows. */
function wrongAsker(request: IncomingMessage, mode: 'loopback' | 'any'): string | null {
  const { headers, socket } = request;
  if (headers.origin !== undefined || headers['sec-fetch-site'] !== undefined) return 'not for pages in a browser';
  // Another member’s request, that came by a service of ours: nobody goes on from here in our name.
  if (headers[MEMBER_HEADER] !== undefined) return 'not for other members';
  const proxy = forwardedBy(headers);
  if (proxy !== null) return forwardedReason(proxy);
  if (mode === 'any') return null;
  if (!isLoopback(socket.remoteAddress)) return 'for programs on this machine only';
  return isLocalHost(headers.host) ? null : 'asked under another name than this machine’s own';
}

/**
 * HTTP to other members' services: `ANY /overlay/{member}/{service}/{path}` is asked of that service, and the answer
 * comes back as it is; what cannot be asked is told as {code, reason}.
 */
export function createGateway(
  open: (member: string, service: string) => Promise<OverlayStream>,
  mode: 'loopback' | 'any' | 'off',
): (request: IncomingMessage, response: ServerResponse) => void {
  const ask = async (request: IncomingMessage, response: ServerResponse) => {
    if (mode === 'off') return refuse(response, 404, 'not-found', 'there is no gateway here');
    const wrong = wrongAsker(request, mode);
    if (wrong !== null) return refuse(response, 403, 'denied', wrong);
    const [, member, service, path] = /^\/overlay\/([^/?#]+)\/([^/?#]+)(\/.*|\?.*)?$/.exec(request.url ?? '') ?? [];
    if (member === undefined || service === undefined)
      return refuse(response, 404, 'not-found', 'the path is /overlay/{member}/{service}/…');
    const stream = await open(member, service);
    const target = path === undefined ? '/' : path.startsWith('/') ? path : `/${path}`;
    const headers = { ...endToEndHeaders(request.headers), host: member, connection: 'close' };
    const outgoing = http.request({ method: request.method, path: target, headers, createConnection: () => stream });
    const late = setTimeout(() => outgoing.destroy(new OverlayError('timeout', 'no answer in time')), ANSWER_WITHIN_MS);
    outgoing.once('response', () => clearTimeout(late));
    outgoing.once('close', () => clearTimeout(late));
    forwardHttp(request, response, outgoing, ({ code, reason }) => refuse(response, STATUS_OF[code], code, reason));
  };
  return (request, response) => {
    ask(request, response).catch((error: unknown) => {
      if (!(error instanceof OverlayError)) throw error;
      refuse(response, STATUS_OF[error.code], error.code, error.reason);
    });
  };
}

import type {
  ClientRequest,
  IncomingHttpHeaders,
  IncomingMessage,
  OutgoingHttpHeaders,
  ServerResponse,
} from 'node:http';
import { pipeline } from 'node:stream';
import { isForwarding } from '../../forwarded.ts';
import { OverlayError } from '../errors.ts';

/** RFC 9110 §7.6.1: for one connection only. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
/** Who asks, as the end that offers a service has proven it; nobody may say it otherwise. */
export const MEMBER_HEADER = 'x-overlay-member';
/** What a proxy on this machine would be believed: at whose end, and of whom. */
const isSaidOfSender = (name: string): boolean => name === MEMBER_HEADER || isForwarding(name);

/** Headers that go on to the next hop. */
export function endToEndHeaders(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const named = String(headers.connection ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase());
  return Object.fromEntries(
    Object.entries(headers).filter(
      ([name, value]) => value !== undefined && !HOP_BY_HOP.has(name) && !named.includes(name) && !isSaidOfSender(name),
    ),
  );
}

/** Passes a request on, and its answer back, both as streams. `fail` answers if there is no answer to pass. */
export function forwardHttp(
  request: IncomingMessage,
  response: ServerResponse,
  outgoing: ClientRequest,
  fail: (error: OverlayError) => void,
): void {
  const onError = (error: Error) => {
    const reason = error instanceof OverlayError ? error : new OverlayError('service-down', error.message);
    if (response.headersSent || response.destroyed) response.destroy();
    else fail(reason);
  };
  outgoing.on('error', onError);
  outgoing.on('response', (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.statusMessage, endToEndHeaders(answer.headers));
    pipeline(answer, response, () => {});
  });
  // Who asked has gone: the other end need not go on.
  response.on('close', () => {
    if (!response.writableFinished) outgoing.destroy();
  });
  pipeline(request, outgoing, () => {});
}

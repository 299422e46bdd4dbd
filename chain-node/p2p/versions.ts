import { type IncomingHttpHeaders, type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { type WebSocket, WebSocketServer } from 'ws';
import { certifiedName } from './tls.ts';

const HEADER = 'sec-websocket-protocol';
/** As RFC 9110 §15.5.22 has it for a protocol that the server does not speak as it was asked to. */
const REFUSED = 426;
/** More, or longer, names than this are no versions of ours, and not kept. */
const MAX_NAMES = 16;
const MAX_NAME_CHARS = 64;

/** Names of versions in a handshake, at most so many: a request's are those that it may speak, a refusal's too. */
const versionsIn = (headers: IncomingHttpHeaders): string[] =>
  (headers[HEADER] ?? '')
    .split(',')
    .slice(0, MAX_NAMES)
    .map((name) => name.trim().slice(0, MAX_NAME_CHARS))
    .filter((name) => name !== '');

/** What we speak of what was offered, and like best; undefined: nothing. */
const chosenOf = (spoken: readonly string[], offered: ReadonlySet<string>): string | undefined =>
  spoken.find((name) => offered.has(name));

/** Ends a handshake that offers nothing which we speak, and says what we do (as RFC 6455 §4.4 does for its own versions). */
function refuseVersion(socket: Duplex, spoken: readonly string[]): void {
  // The other end may be gone already.
  socket.on('error', () => socket.destroy());
  socket.once('finish', () => socket.destroy());
  const lines = [
    `HTTP/1.1 ${REFUSED} ${STATUS_CODES[REFUSED]}`,
    'Connection: close, upgrade',
    'Upgrade: websocket',
    `Sec-WebSocket-Protocol: ${spoken.join(', ')}`,
    'Content-Length: 0',
  ];
  socket.end(`${lines.join('\r\n')}\r\n\r\n`);
}

export interface HandshakesOptions {
  /** Versions of the protocol that we speak, the one that is liked best first. */
  versions: readonly string[];
  maxPayload: number;
  /** Nothing that we speak was offered by who has this certificate. */
  onOtherVersions(memberId: string | undefined, versions: readonly string[]): void;
}

/** Answers the handshakes of links: to who offers a version that we speak with a link, to others with what we do speak. */
export class Handshakes {
  readonly #sockets: WebSocketServer;

  constructor(private readonly options: HandshakesOptions) {
    const { versions, maxPayload } = options;
    const handleProtocols = (offered: ReadonlySet<string>) => chosenOf(versions, offered) ?? false;
    this.#sockets = new WebSocketServer({ noServer: true, maxPayload, perMessageDeflate: false, handleProtocols });
  }

  answer(request: IncomingMessage, socket: TLSSocket, head: Buffer, onLink: (ws: WebSocket) => void): void {
    const { versions, onOtherVersions } = this.options;
    const offered = versionsIn(request.headers);
    if (chosenOf(versions, new Set(offered)) !== undefined)
      return this.#sockets.handleUpgrade(request, socket, head, onLink);
    refuseVersion(socket, versions);
    onOtherVersions(certifiedName(socket), offered);
  }
}

/** The listener speaks none of the versions that it was offered. */
export class OtherVersions extends Error {
  override readonly name = 'OtherVersions';

  constructor(readonly versions: readonly string[]) {
    super(`no common version of the protocol: it speaks ${versions.join(', ') || 'none that has a name'}`);
  }
}

/** What an answer that opens no link says. */
export const refusalIn = ({ statusCode, headers }: IncomingMessage): Error =>
  statusCode === REFUSED
    ? new OtherVersions(versionsIn(headers))
    : new Error(`Unexpected server response: ${statusCode}`);

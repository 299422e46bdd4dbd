import type { TLSSocket } from 'node:tls';
import type { WebSocket } from 'ws';
import type { Logger } from '../../../platform/observe/logger.ts';
import { tag } from '../../codec/bytes.ts';
import { dialWebSocket, type Proxy } from '../../p2p/dial.ts';
import { greet, Side } from '../../p2p/hello.ts';
import type { LinkTls } from '../../p2p/tls.ts';
import { OtherVersions } from '../../p2p/versions.ts';
import { type LinkFrame, MAX_LINK_FRAME_BYTES } from './frames.ts';
import { CloseCode, Link } from './link.ts';
import { Listener, OVERLAY_PATH, VERSIONS } from './listener.ts';

const HELLO_TAG = tag('sealfolio/overlay-hello/1');
const FIRST_RETRY_MS = 200;
const PROBE_MS = 1500;

/** Where a member can be dialled. */
export interface Address {
  memberId: string;
  url: string;
}

export interface LinksOptions {
  memberId: string;
  chainId: string;
  tls: LinkTls;
  proxy?: Proxy | undefined;
  maxBytesPerSecond: number;
  /** Longest pause between two tries to reach an address. */
  maxRetryMs: number;
  logger: Logger;
  keyOf(memberId: string): Uint8Array | undefined;
  privateKey(): Uint8Array;
  onFrame(link: Link, kind: LinkFrame, frame: Buffer): void;
  /** A link came, or went. */
  onChange(memberId: string): void;
}

interface Target extends Address {
  retryMs: number;
  timer: NodeJS.Timeout | undefined;
  ws: WebSocket | undefined;
}

/** Why a member is not linked, in plain words, and when that was. */
export interface Trouble {
  words: string;
  at: number;
}

/** All overlay links of this member: it dials the addresses it is given, and takes those that come. One link a pair. */
export class Links {
  readonly listener = new Listener(
    (ws, socket, proven) => this.#greet(ws, socket, Side.listener, undefined, proven),
    (memberId, versions) => {
      if (memberId !== undefined && this.#keyNow(memberId) !== undefined)
        this.#note(memberId, new OtherVersions(versions).message);
    },
  );
  readonly #links = new Map<string, Link>();
  readonly #keys = new Map<string, string>();
  readonly #targets = new Map<string, Target>();
  /** Last trouble with each member. */
  readonly troubles = new Map<string, Trouble>();
  #isClosed = false;

  constructor(private readonly options: LinksOptions) {}

  get(memberId: string): Link | undefined {
    return this.#links.get(memberId);
  }

  all(): Link[] {
    return [...this.#links.values()];
  }

  /** Dials these from now on, and no others. */
  dial(addresses: readonly Address[]): void {
    if (this.#isClosed) return;
    const wanted = new Map(addresses.map((address) => [`${address.memberId} ${address.url}`, address]));
    for (const [id, target] of this.#targets) {
      if (wanted.has(id)) continue;
      clearTimeout(target.timer);
      this.#targets.delete(id);
    }
    for (const [id, address] of wanted) {
      if (this.#targets.has(id)) continue;
      const target: Target = { ...address, retryMs: FIRST_RETRY_MS, timer: undefined, ws: undefined };
      this.#targets.set(id, target);
      this.#try(target);
    }
  }

  /** Closes the links of who is a member no more, or has another key. */
  partWithStrangers(): void {
    for (const [memberId, link] of this.#links)
      if (this.#keys.get(memberId) !== this.#keyNow(memberId)) {
        this.#note(memberId, 'the member was removed, or its key replaced');
        link.close(CloseCode.revoked, 'this key is not a member’s any more');
        this.#forget(link);
      }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const { timer, ws } of this.#targets.values()) {
      clearTimeout(timer);
      ws?.terminate();
    }
    for (const link of this.all()) link.terminate();
    await this.listener.close();
  }

  #keyNow(memberId: string): string | undefined {
    const key = this.options.keyOf(memberId);
    return key && Buffer.from(key).toString('hex');
  }

  #note(memberId: string, words: string): void {
    this.troubles.set(memberId, { words, at: Date.now() });
  }

  #try(target: Target): void {
    if (this.#isClosed) return;
    // A pair needs one link; who is dialled already looks again later.
    if (this.#links.has(target.memberId)) return this.#tryLater(target);
    const { tls, proxy, logger } = this.options;
    let ws: WebSocket;
    try {
      ws = dialWebSocket({
        url: new URL(OVERLAY_PATH, target.url).href,
        tls: tls.dialing(target.memberId),
        maxPayload: MAX_LINK_FRAME_BYTES,
        versions: VERSIONS,
        proxy,
      });
    } catch (error) {
      this.#note(target.memberId, plainWords(error as Error));
      return this.#tryLater(target);
    }
    target.ws = ws;
    ws.once('upgrade', (response) =>
      ws.once('open', () => this.#greet(ws, response.socket as TLSSocket, Side.dialer, target.memberId)),
    );
    ws.on('error', (error) => {
      this.#note(target.memberId, plainWords(error));
      logger.debug({ peer: target.memberId, reason: error.message }, 'overlay link');
    });
    ws.once('close', (_code, words) => {
      target.ws = undefined;
      if (words.length > 0) this.#note(target.memberId, words.toString('utf8'));
      this.#tryLater(target);
    });
  }

  #tryLater(target: Target): void {
    const id = `${target.memberId} ${target.url}`;
    if (this.#isClosed || this.#targets.get(id) !== target) return;
    target.timer = setTimeout(() => this.#try(target), target.retryMs * (0.5 + Math.random()));
    target.retryMs = Math.min(2 * target.retryMs, this.options.maxRetryMs);
  }

  #greet(ws: WebSocket, socket: TLSSocket, side: Side, expected?: string, proven?: () => void): void {
    const { memberId, chainId, keyOf, privateKey, logger } = this.options;
    const onProven = (peer: string) => {
      proven?.();
      this.#admit(ws, socket, peer, side === Side.dialer ? memberId : peer);
    };
    const options = { tag: HELLO_TAG, chainId, memberId, keyOf, privateKey, logger, onProven };
    greet(ws, socket, side, { ...options, ...(expected !== undefined && { expected }) });
  }

  #admit(ws: WebSocket, socket: TLSSocket, peer: string, dialer: string): void {
    const present = this.#links.get(peer);
    if (present === undefined || !present.isOpen) return this.#open(ws, socket, peer, dialer);
    if (present.dialer !== dialer) {
      // Both dialled at once: the link that the lower id dialled stays, as both ends know.
      if (dialer > present.dialer) return ws.close(CloseCode.superseded, 'another link is up');
      this.#forget(present);
      present.close(CloseCode.superseded, 'another link is up');
      return this.#open(ws, socket, peer, dialer);
    }
    // A dialer that lost its link comes back; one whose link still answers is two machines under one name.
    ws.pause();
    void present.probe(PROBE_MS).then((isAlive) => {
      if (this.#isClosed || ws.readyState !== ws.OPEN) return;
      ws.resume();
      if (isAlive && this.#links.get(peer) === present) {
        const words = `${peer} is linked already, from ${present.remote}; this came from ${socket.remoteAddress}`;
        this.options.logger.warn({ peer, present: present.remote, refused: socket.remoteAddress }, 'two of one name');
        this.#note(peer, words);
        return ws.close(CloseCode.duplicate, words);
      }
      this.#forget(present);
      present.terminate();
      this.#open(ws, socket, peer, dialer);
    });
  }

  #open(ws: WebSocket, socket: TLSSocket, memberId: string, dialer: string): void {
    const { maxBytesPerSecond, logger, onFrame, onChange } = this.options;
    const link = new Link({
      ws,
      socket,
      memberId,
      dialer,
      maxBytesPerSecond,
      logger,
      onFrame,
      onClose: (closed, code, words) => {
        logger.info({ peer: memberId, code, reason: words }, 'overlay link closed');
        if (words !== '' && code !== CloseCode.superseded) this.#note(memberId, words);
        this.#forget(closed);
      },
    });
    this.#links.set(memberId, link);
    this.#keys.set(memberId, this.#keyNow(memberId) ?? '');
    this.troubles.delete(memberId);
    for (const target of this.#targets.values()) if (target.memberId === memberId) target.retryMs = FIRST_RETRY_MS;
    logger.info({ peer: memberId, remote: link.remote }, 'overlay link open');
    onChange(memberId);
  }

  #forget(link: Link): void {
    if (this.#links.get(link.memberId) !== link) return;
    this.#links.delete(link.memberId);
    if (!this.#isClosed) this.options.onChange(link.memberId);
  }
}

const TLS_WORDS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'the certificate has expired, or the clock of this machine is wrong',
  CERT_NOT_YET_VALID: 'the certificate is not valid yet, or the clock of this machine is wrong',
  SELF_SIGNED_CERT_IN_CHAIN: 'the certificate is of an authority that the members do not trust',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'the certificate is of an authority that the members do not trust',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'the certificate is of an authority that the members do not trust',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'the other end does not trust the authority of our certificate',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: 'our certificate has expired, or the clock there is wrong',
  ECONNREFUSED: 'nobody listens there',
  ENETUNREACH: 'no route leads there',
  EHOSTUNREACH: 'no route leads there',
  ETIMEDOUT: 'no answer',
  ENOTFOUND: 'the name is not known',
};

/** What a failed connection means, for people. */
export function plainWords(error: Error & { code?: string }): string {
  const known = TLS_WORDS[error.code ?? ''];
  if (known === undefined) return error.message;
  const isOfTime = /clock of this machine/.test(known);
  return isOfTime ? `${known}; it says ${new Date().toISOString()}` : known;
}

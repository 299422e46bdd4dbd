import { readFileSync, statSync } from 'node:fs';
import type https from 'node:https';
import { type ConnectionOptions, createSecureContext, type PeerCertificate, type TLSSocket } from 'node:tls';
import type { Logger } from '../../platform/observe/logger.ts';

export interface TlsFiles {
  certFile: string;
  keyFile: string;
  caFile: string;
}

/** Whose certificates are taken. */
export interface Trust {
  /** Those that the members voted for (PEM); none: the file's. */
  authorities: readonly string[];
  /** Whether this node may not know what the members voted for lately. */
  isBehind: boolean;
}

interface Material {
  cert: Buffer;
  key: Buffer;
  ca: (string | Buffer)[];
  minVersion: 'TLSv1.3';
}

/**
 * The TLS of a member's links. Certificate, key and authorities are read anew when they have changed: links that are up
 * stay, the next handshake uses what is valid then.
 */
export class LinkTls {
  #stamp = '';
  #material: Material | undefined;

  constructor(
    private readonly files: TlsFiles,
    private readonly trust: () => Trust,
    private readonly logger: Logger,
  ) {}

  /** What to dial this member with: its certificate must be of an authority, and in its name. */
  dialing(memberId: string): ConnectionOptions {
    const { authorities, isBehind } = this.trust();
    // A node that is new, or was away, may know only a policy whose authorities are no more.
    const extra = isBehind && authorities.length > 0 ? [readFileSync(this.files.caFile)] : [];
    const { ca, ...own } = this.#current();
    return {
      secureContext: createSecureContext({ ...own, ca: [...ca, ...extra] }),
      checkServerIdentity: (_host, certificate) => checkServerIdentity(memberId, certificate),
    };
  }

  /** What to listen with. */
  listening(): Material & { requestCert: true; rejectUnauthorized: true } {
    return { ...this.#current(), requestCert: true, rejectUnauthorized: true };
  }

  /** Keeps a server's context the present one, for each connection that comes. */
  keep(server: https.Server): void {
    let used = this.#stamp;
    server.prependListener('connection', () => {
      const { cert, key, ca, minVersion } = this.#current();
      if (this.#stamp === used) return;
      server.setSecureContext({ cert, key, ca, minVersion });
      used = this.#stamp;
    });
  }

  #current(): Material {
    const { certFile, keyFile, caFile } = this.files;
    const { authorities } = this.trust();
    try {
      const times = [certFile, keyFile, caFile].map((file) => statSync(file).mtimeMs);
      const stamp = [...times, ...authorities].join('\n');
      if (this.#material !== undefined && stamp === this.#stamp) return this.#material;
      const [cert, key, ca] = [certFile, keyFile, caFile].map((file) => readFileSync(file));
      const material: Material = {
        cert: cert!,
        key: key!,
        ca: authorities.length > 0 ? [...authorities] : [ca!],
        minVersion: 'TLSv1.3',
      };
      createSecureContext(material); // refuses a certificate and a key that do not belong together
      this.#material = material;
      this.#stamp = stamp;
      return material;
    } catch (error) {
      if (this.#material === undefined) throw error;
      // Half-written files: what was good before stays in use, and they are read again next time.
      this.logger.warn({ reason: (error as Error).message }, 'the TLS files cannot be used');
      return this.#material;
    }
  }
}

function checkServerIdentity(memberId: string, certificate: PeerCertificate): Error | undefined {
  if (certificate.subject?.CN === memberId) return undefined;
  return new Error(`the certificate there is not of ${memberId}`);
}

/** The member that the other end's certificate names; undefined if it names no one, or several. */
export function certifiedName(socket: TLSSocket): string | undefined {
  const name: unknown = socket.getPeerCertificate().subject?.CN;
  return typeof name === 'string' ? name : undefined;
}

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { generateTlsKey, issueCertificate, p256Issuer, toPem } from '../../platform/crypto/x509.ts';

const DAY_MS = 86_400_000;

export interface TlsPaths {
  certFile: string;
  keyFile: string;
  caFile: string;
}

/** Name of the authority’s own key, in the folder of its certificate. */
export const CA_KEY = 'ca.key';

/** A certificate authority of the consortium's links, and one certificate for each member, all in `dir`. Made once. */
export function createTlsFiles(dir: string, memberIds: readonly string[]): Record<string, TlsPaths> {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const now = Date.now();
  const validity = { notBefore: new Date(now - DAY_MS), notAfter: new Date(now + 3650 * DAY_MS) };
  const write = (name: string, content: string) => {
    const file = path.join(dir, name);
    writeFileSync(file, content, { mode: 0o600 });
    return file;
  };
  const ca = generateTlsKey();
  const issuer = p256Issuer(ca.pem);
  const authority = { subject: 'links', issuer: 'links', ...validity };
  const caCertificate = issueCertificate({ kind: 'ca', publicKey: ca.publicKey, ...authority }, issuer);
  const caFile = write('ca.pem', toPem('CERTIFICATE', caCertificate));
  write(CA_KEY, ca.pem);
  return Object.fromEntries(
    memberIds.map((memberId) => {
      const key = generateTlsKey();
      const names = { dnsNames: ['localhost', `${memberId}.local`], ipAddresses: ['127.0.0.1'] };
      const request = { kind: 'tls' as const, publicKey: key.publicKey, ...authority, subject: memberId, ...names };
      const certFile = write(`${memberId}.pem`, toPem('CERTIFICATE', issueCertificate(request, issuer)));
      return [memberId, { certFile, keyFile: write(`${memberId}.key`, key.pem), caFile }];
    }),
  );
}

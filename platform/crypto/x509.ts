import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto';
import * as der from './der.ts';
import { sm2 } from './index.ts';
import { signatureToDer } from './sm2-encoding.ts';

/** OIDs of GM/T 0006 and RFC 5480. */
export const OID = {
  sm3: '1.2.156.10197.1.401',
  sm2WithSm3: '1.2.156.10197.1.501',
  sm2Curve: '1.2.156.10197.1.301',
  ecPublicKey: '1.2.840.10045.2.1',
  p256: '1.2.840.10045.3.1.7',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
} as const;

/** What signs a certificate, and by what: SM2 with SM3 for seals, P-256 for TLS, as node's TLS has no SM2. */
export type Issuer = { algorithm: 'sm2'; privateKey: Uint8Array } | { algorithm: 'p256'; privateKey: KeyObject };

export interface CertificateRequest {
  kind: 'ca' | 'sign' | 'tls';
  subject: string;
  /** Common name, or the whole Name (DER) as it is the subject of the issuer's own certificate. */
  issuer: string | Uint8Array;
  /** Uncompressed point, 65 bytes. */
  publicKey: Uint8Array;
  notBefore: Date;
  notAfter: Date;
  dnsNames?: readonly string[];
  ipAddresses?: readonly string[];
}

/** Common name under C=CN, O=Sealfolio. */
export const distinguishedName = (commonName: string) =>
  der.sequence(
    der.setOf(der.sequence(der.objectIdentifier('2.5.4.6'), der.printableString('CN'))),
    der.setOf(der.sequence(der.objectIdentifier('2.5.4.10'), der.utf8String('Sealfolio'))),
    der.setOf(der.sequence(der.objectIdentifier('2.5.4.3'), der.utf8String(commonName))),
  );

export const extension = (oid: string, critical: boolean, value: Uint8Array) =>
  der.sequence(der.objectIdentifier(oid), ...(critical ? [der.boolean(true)] : []), der.octetString(value));

/** KeyUsage bits (RFC 5280 §4.2.1.3): unused-bit count and the byte. */
const KEY_USAGE = { ca: [1, 0x06], sign: [6, 0xc0], tls: [7, 0x80] } as const;

/** SubjectAltName of DNS names and IPv4 addresses. */
export const alternativeNames = (dnsNames: readonly string[], ipAddresses: readonly string[]): Buffer =>
  extension(
    '2.5.29.17',
    false,
    der.sequence(
      ...dnsNames.map((dns) => der.implicit(2, Buffer.from(dns, 'ascii'))),
      ...ipAddresses.map((ip) => der.implicit(7, Buffer.from(ip.split('.').map(Number)))),
    ),
  );

/** Identifier of a key: SHA-1 of its point (RFC 5280 §4.2.1.2, method 1). */
const keyIdentifier = (point: Uint8Array) => createHash('sha1').update(point).digest();

/** The uncompressed point of a P-256 key. */
export function pointOf(key: KeyObject): Buffer {
  const spki = createPublicKey(key.export({ format: 'pem', type: 'pkcs8' }) as string).export({
    format: 'der',
    type: 'spki',
  });
  return spki.subarray(spki.length - 65);
}

function extensions({ kind, publicKey, dnsNames = [], ipAddresses = [] }: CertificateRequest, issuer: Issuer): Buffer {
  const keyUsage = Buffer.from([0x03, 0x02, ...KEY_USAGE[kind]]);
  const list = [
    extension('2.5.29.19', true, kind === 'ca' ? der.sequence(der.boolean(true)) : der.sequence()),
    extension('2.5.29.15', true, keyUsage),
    extension('2.5.29.14', false, der.octetString(keyIdentifier(publicKey))),
  ];
  if (kind === 'tls') {
    const [server, client] = ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'].map(der.objectIdentifier);
    list.push(extension('2.5.29.37', false, der.sequence(server!, client!)));
    if (dnsNames.length + ipAddresses.length > 0) list.push(alternativeNames(dnsNames, ipAddresses));
    // Tells two authorities of one name apart while one takes over from the other.
    if (issuer.algorithm === 'p256')
      list.push(
        extension('2.5.29.35', false, der.sequence(der.implicit(0, keyIdentifier(pointOf(issuer.privateKey))))),
      );
  }
  return der.explicit(3, der.sequence(...list));
}

/** Makes an X.509 v3 certificate (RFC 5280; GM/T 0015 for SM2) and gives its DER. The serial number is 16 random bytes. */
export function issueCertificate(request: CertificateRequest, issuer: Issuer): Buffer {
  const curve = issuer.algorithm === 'sm2' ? OID.sm2Curve : OID.p256;
  const algorithm = der.sequence(
    der.objectIdentifier(issuer.algorithm === 'sm2' ? OID.sm2WithSm3 : OID.ecdsaWithSha256),
  );
  const serial = randomBytes(16);
  serial[0]! &= 0x7f;
  serial[0]! |= 0x40;
  const tbs = der.sequence(
    der.explicit(0, der.integer(2)),
    der.integer(serial),
    algorithm,
    typeof request.issuer === 'string' ? distinguishedName(request.issuer) : request.issuer,
    der.sequence(der.x509Time(request.notBefore), der.x509Time(request.notAfter)),
    distinguishedName(request.subject),
    der.sequence(
      der.sequence(der.objectIdentifier(OID.ecPublicKey), der.objectIdentifier(curve)),
      der.bitString(request.publicKey),
    ),
    extensions(request, issuer),
  );
  const signature =
    issuer.algorithm === 'sm2'
      ? signatureToDer(sm2.sign(issuer.privateKey, tbs))
      : sign('sha256', tbs, issuer.privateKey);
  return der.sequence(tbs, algorithm, der.bitString(signature));
}

/** A fresh P-256 key for TLS: the private key as PKCS#8 PEM, the public point as 65 bytes. */
export function generateTlsKey(): { pem: string; publicKey: Buffer } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const spki = publicKey.export({ format: 'der', type: 'spki' });
  return {
    pem: privateKey.export({ format: 'pem', type: 'pkcs8' }) as string,
    publicKey: spki.subarray(spki.length - 65),
  };
}

/** The issuer that a PKCS#8 PEM of a P-256 key makes. */
export function p256Issuer(pem: string): Issuer {
  return { algorithm: 'p256', privateKey: createPrivateKey(pem) };
}

/** PEM armour (RFC 7468) around DER. */
export function toPem(label: string, bytes: Uint8Array): string {
  const lines = Buffer.from(bytes)
    .toString('base64')
    .match(/.{1,64}/g)!;
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

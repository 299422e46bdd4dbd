import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import * as der from './der.ts';
import { bitsOf, type DerReader, oidOf, readDer } from './der-reader.ts';
import { cryptoError } from './errors.ts';
import { alternativeNames, distinguishedName, OID, pointOf } from './x509.ts';

const EXTENSION_REQUEST = '1.2.840.113549.1.9.14';
const SUBJECT_ALT_NAME = '2.5.29.17';
const COMMON_NAME = '2.5.4.3';
const POINT_BYTES = 65;

/** What a certificate is asked for. */
export interface RequestedCertificate {
  /** Common name. */
  subject: string;
  /** P-256, uncompressed. */
  publicKey: Buffer;
  dnsNames: string[];
  ipAddresses: string[];
}

/** Makes a PKCS#10 request (RFC 2986) for a P-256 key (PKCS#8 PEM), signed by it; gives its DER. */
export function makeCertificateRequest(
  privateKeyPem: string,
  {
    subject,
    dnsNames = [],
    ipAddresses = [],
  }: { subject: string; dnsNames?: readonly string[]; ipAddresses?: readonly string[] },
): Buffer {
  const privateKey = createPrivateKey(privateKeyPem);
  const key = der.sequence(
    der.sequence(der.objectIdentifier(OID.ecPublicKey), der.objectIdentifier(OID.p256)),
    der.bitString(pointOf(privateKey)),
  );
  const hasNames = dnsNames.length + ipAddresses.length > 0;
  const attributes = hasNames
    ? [
        der.sequence(
          der.objectIdentifier(EXTENSION_REQUEST),
          der.setOf(der.sequence(alternativeNames(dnsNames, ipAddresses))),
        ),
      ]
    : [];
  const info = der.sequence(
    der.integer(0),
    distinguishedName(subject),
    key,
    der.explicit(0, Buffer.concat(attributes)), // [0] IMPLICIT SET OF: constructed, with the attributes inside
  );
  const algorithm = der.sequence(der.objectIdentifier(OID.ecdsaWithSha256));
  return der.sequence(info, algorithm, der.bitString(sign('sha256', info, privateKey)));
}

/** Reads a request and checks that its key signed it. Throws encoding-invalid, request-invalid. */
export function readCertificateRequest(data: Uint8Array): RequestedCertificate {
  return readDer(data, (outer) => {
    const request = outer.enter(0x30);
    const info = request.next(0x30);
    const signedBy = request.enter(0x30);
    if (oidOf(signedBy.next(0x06).content) !== OID.ecdsaWithSha256)
      throw cryptoError('request-invalid', 'a request is signed by ECDSA with SHA-256');
    signedBy.end();
    const signature = bitsOf(request.next(0x03).content);
    request.end();
    return readDer(info.whole, (reader) => readInfo(reader.enter(0x30), info.whole, signature));
  });
}

function readInfo(info: DerReader, signed: Buffer, signature: Buffer): RequestedCertificate {
  if (!info.next(0x02).content.equals(Buffer.of(0))) throw cryptoError('request-invalid', 'version of the request');
  const subject = commonNameOf(info.next(0x30).whole);
  const key = info.next(0x30).whole;
  const attributes = info.enter(0xa0);
  info.end();
  const publicKey = p256PointOf(key);
  if (!verify('sha256', signed, createPublicKey({ key, format: 'der', type: 'spki' }), signature))
    throw cryptoError('request-invalid', 'the key did not sign the request');
  const names = { dnsNames: [] as string[], ipAddresses: [] as string[] };
  while (!attributes.isAtEnd) {
    const attribute = attributes.enter(0x30);
    const isExtensions = oidOf(attribute.next(0x06).content) === EXTENSION_REQUEST;
    const values = attribute.enter(0x31);
    attribute.end();
    if (isExtensions) readExtensions(values.enter(0x30), names);
  }
  return { subject, publicKey, ...names };
}

/** The one common name in a Name (DER). */
export function commonNameOf(name: Uint8Array): string {
  const found: string[] = [];
  readDer(name, (reader) => {
    const relative = reader.enter(0x30);
    while (!relative.isAtEnd) {
      const set = relative.enter(0x31);
      while (!set.isAtEnd) {
        const pair = set.enter(0x30);
        const oid = oidOf(pair.next(0x06).content);
        const value = pair.next();
        pair.end();
        if (oid === COMMON_NAME) found.push(value.content.toString('utf8'));
      }
    }
  });
  if (found.length !== 1) throw cryptoError('request-invalid', 'a name has one common name');
  return found[0]!;
}

function p256PointOf(spki: Buffer): Buffer {
  return readDer(spki, (reader) => {
    const key = reader.enter(0x30);
    const algorithm = key.enter(0x30);
    const oids = [oidOf(algorithm.next(0x06).content), oidOf(algorithm.next(0x06).content)];
    algorithm.end();
    const point = bitsOf(key.next(0x03).content);
    key.end();
    if (oids[0] !== OID.ecPublicKey || oids[1] !== OID.p256 || point.length !== POINT_BYTES || point[0] !== 4)
      throw cryptoError('request-invalid', 'the key is not a P-256 point in uncompressed form');
    return Buffer.from(point);
  });
}

function readExtensions(list: DerReader, names: { dnsNames: string[]; ipAddresses: string[] }): void {
  while (!list.isAtEnd) {
    const one = list.enter(0x30);
    const oid = oidOf(one.next(0x06).content);
    if (one.isNext(0x01)) one.next();
    const value = one.next(0x04).content;
    one.end();
    if (oid !== SUBJECT_ALT_NAME) continue;
    readDer(value, (reader) => {
      const general = reader.enter(0x30);
      while (!general.isAtEnd) {
        const { tag, content } = general.next();
        if (tag === 0x82) names.dnsNames.push(content.toString('ascii'));
        else if (tag === 0x87 && content.length === 4) names.ipAddresses.push([...content].join('.'));
      }
    });
  }
}

/** The subject (Name, DER) of a certificate: the issuer of what its key signs. Throws encoding-invalid. */
export function subjectOf(certificate: Uint8Array): Buffer {
  return readDer(certificate, (reader) => {
    const tbs = reader.enter(0x30).enter(0x30);
    if (tbs.isNext(0xa0)) tbs.next();
    for (const tag of [0x02, 0x30, 0x30, 0x30]) tbs.next(tag); // serial, algorithm, issuer, validity
    return Buffer.from(tbs.next(0x30).whole);
  });
}

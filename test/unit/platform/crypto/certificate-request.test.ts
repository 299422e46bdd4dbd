import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import {
  commonNameOf,
  makeCertificateRequest,
  readCertificateRequest,
  subjectOf,
} from '../../../../platform/crypto/certificate-request.ts';
import { DerReader, oidOf } from '../../../../platform/crypto/der-reader.ts';
import * as der from '../../../../platform/crypto/der.ts';
import { generateTlsKey, issueCertificate, p256Issuer, toPem } from '../../../../platform/crypto/x509.ts';

const names = { subject: 'yz1', dnsNames: ['yz1.ledger', 'localhost'], ipAddresses: ['10.1.2.3'] };
const key = generateTlsKey();
const request = makeCertificateRequest(key.pem, names);

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'sealfolio-csr-'));
});
afterAll(() => rmSync(folder, { recursive: true }));
const openssl = (...args: string[]) => spawnSync('openssl', args, { encoding: 'utf8', cwd: folder });

test('a request is read back, with the key that signed it', () => {
  expect(readCertificateRequest(request)).toEqual({ ...names, publicKey: key.publicKey });
  expect(readCertificateRequest(makeCertificateRequest(key.pem, { subject: '云州' }))).toMatchObject({
    subject: '云州',
    dnsNames: [],
  });
});

test('OpenSSL takes our request, and we take its', () => {
  writeFileSync(path.join(folder, 'ours.pem'), toPem('CERTIFICATE REQUEST', request));
  const { stdout, stderr } = openssl('req', '-in', 'ours.pem', '-verify', '-noout', '-text');
  expect(`${stdout}${stderr}`).toMatch(/self-signature verify OK/i);
  expect(stdout).toContain('DNS:yz1.ledger, DNS:localhost, IP Address:10.1.2.3');
  const made = openssl(
    ...'req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k.pem -outform DER -out theirs.der'.split(
      ' ',
    ),
    ...['-subj', '/O=Elsewhere/CN=yz9', '-addext', 'subjectAltName=DNS:yz9.example'],
  );
  expect(made.status).toBe(0);
  const read = readCertificateRequest(readFileSync(path.join(folder, 'theirs.der')));
  expect(read).toMatchObject({ subject: 'yz9', dnsNames: ['yz9.example'], ipAddresses: [] });
});

test('a certificate made from a request, under an authority of any name', () => {
  const ca = generateTlsKey();
  const validity = { notBefore: new Date('2026-01-01'), notAfter: new Date('2036-01-01') };
  const issuer = p256Issuer(ca.pem);
  const root = issueCertificate(
    { kind: 'ca', subject: 'links 2', issuer: 'links 2', publicKey: ca.publicKey, ...validity },
    issuer,
  );
  expect(commonNameOf(subjectOf(root))).toBe('links 2');
  const { subject, publicKey } = readCertificateRequest(request);
  const leaf = issueCertificate({ kind: 'tls', subject, issuer: subjectOf(root), publicKey, ...validity }, issuer);
  const [parent, child] = [new X509Certificate(root), new X509Certificate(leaf)];
  expect(child.checkIssued(parent) && child.verify(parent.publicKey)).toBe(true);
});

test('any byte changed: refused', () => {
  fc.assert(
    fc.property(fc.nat(request.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const other = Buffer.from(request);
      other[at]! ^= change;
      expect(() => readCertificateRequest(other)).toThrow();
    }),
  );
});

test.each<[string, Buffer]>([
  ['cut short', request.subarray(0, -1)],
  ['bytes after the end', Buffer.concat([request, Buffer.of(0)])],
  ['an indefinite length', Buffer.concat([Buffer.from('3080', 'hex'), request])],
  ['a length not in its shortest form', Buffer.from('30810130', 'hex')],
  ['nothing', Buffer.alloc(0)],
  ['another kind of value', der.octetString(Buffer.alloc(4))],
])('refuses %s', (_, data) => {
  expect(() => readCertificateRequest(data)).toThrow(/encoding-invalid/);
});

test('another key’s signature is refused', () => {
  const other = makeCertificateRequest(generateTlsKey().pem, names);
  const [mine, theirs] = [request, other].map((one) => {
    const inside = new DerReader(one).enter(0x30);
    return [inside.next(0x30).whole, inside.next(0x30).whole, inside.next(0x03).whole] as const;
  });
  const mixed = der.sequence(mine![0], mine![1], theirs![2]);
  expect(() => readCertificateRequest(mixed)).toThrow(/request-invalid.*did not sign/);
});

test.each(['1.2.156.10197.1.501', '2.5.29.17', '0.9.2342', '2.999.1'])('the OID %s is read as it is written', (oid) => {
  expect(oidOf(new DerReader(der.objectIdentifier(oid)).next(0x06).content)).toBe(oid);
});

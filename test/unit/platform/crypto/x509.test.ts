import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as der from '../../../../platform/crypto/der.ts';
import { sm2 } from '../../../../platform/crypto/index.ts';
import { generateTlsKey, issueCertificate, p256Issuer, toPem } from '../../../../platform/crypto/x509.ts';

const validity = { notBefore: new Date('2026-01-01'), notAfter: new Date('2036-01-01') };

test.each([
  ['a short integer', der.integer(5), '020105'],
  ['zero', der.integer(0), '020100'],
  ['an integer with the high bit', der.integer(200), '020200c8'],
  ['leading zeros', der.integer(Buffer.from('0000ff', 'hex')), '020200ff'],
  ['an OID with large arcs', der.objectIdentifier('1.2.156.10197.1.501'), '06082a811ccf55018375'],
  ['a long value', der.octetString(Buffer.alloc(200)).subarray(0, 3), '0481c8'],
  ['a longer one', der.octetString(Buffer.alloc(300)).subarray(0, 4), '0482012c'],
  ['a time before 2050', der.x509Time(new Date('2036-01-02T03:04:05Z')), '170d3336303130323033303430355a'],
  ['a time after', der.x509Time(new Date('2056-01-02T03:04:05Z')), '180f32303536303130323033303430355a'],
])('DER of %s', (_, made, expected) => {
  expect(made.toString('hex')).toBe(expected);
});

test('a P-256 chain that node accepts', () => {
  const ca = generateTlsKey();
  const node = generateTlsKey();
  const issuer = p256Issuer(ca.pem);
  const root = new X509Certificate(
    issueCertificate(
      { kind: 'ca', subject: '联盟 CA', issuer: '联盟 CA', publicKey: ca.publicKey, ...validity },
      issuer,
    ),
  );
  const leaf = new X509Certificate(
    issueCertificate(
      {
        kind: 'tls',
        subject: 'yz1',
        issuer: '联盟 CA',
        publicKey: node.publicKey,
        ...validity,
        dnsNames: ['yz1.ledger'],
        ipAddresses: ['127.0.0.1'],
      },
      issuer,
    ),
  );
  expect(root.verify(root.publicKey) && leaf.verify(root.publicKey) && leaf.checkIssued(root)).toBe(true);
  expect(leaf.checkHost('yz1.ledger')).toBe('yz1.ledger');
  expect(leaf.checkIP('127.0.0.1')).toBe('127.0.0.1');
  expect(leaf.ca).toBe(false);
});

test('an SM2 chain that OpenSSL accepts', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'sealfolio-x509-'));
  const ca = sm2.generateKeyPair();
  const seal = sm2.generateKeyPair();
  const issuer = { algorithm: 'sm2' as const, privateKey: ca.privateKey };
  const write = (file: string, content: Buffer) => {
    writeFileSync(path.join(folder, file), toPem('CERTIFICATE', content));
    return path.join(folder, file);
  };
  const root = write(
    'ca.pem',
    issueCertificate({ kind: 'ca', subject: 'CA', issuer: 'CA', publicKey: ca.publicKey, ...validity }, issuer),
  );
  const leaf = write(
    'seal.pem',
    issueCertificate(
      { kind: 'sign', subject: '云州市第一人民医院', issuer: 'CA', publicKey: seal.publicKey, ...validity },
      issuer,
    ),
  );
  const id = '1234567812345678';
  const verify = ['verify', '-vfyopt', `distid:${id}`, '-CAfile', root, leaf];
  const { stdout, stderr } = spawnSync('openssl', verify, { encoding: 'utf8' });
  rmSync(folder, { recursive: true });
  expect(`${stdout}${stderr}`).toContain('seal.pem: OK');
});

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { packOfd } from '../../platform/ofd/package.ts';
import { collect, makeContent, makeSealer } from '../fixtures/package.ts';

let dir: string;
let ofd: Buffer;
beforeAll(async () => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'sealfolio-ofdrw-'));
  ofd = await collect(packOfd(await makeContent(5), await makeSealer()));
});
afterAll(() => rmSync(dir, { recursive: true }));

/** What ofdrw says of these bytes. */
function read(bytes: Buffer): string {
  const file = path.join(dir, 'package.ofd');
  writeFileSync(file, bytes);
  const { stdout, stderr } = spawnSync(
    'java',
    ['-cp', `${process.env.TEST_OFDRW}/*`, path.join(__dirname, 'OfdCheck.java'), file],
    { encoding: 'utf8' },
  );
  return stdout + stderr;
}

test('ofdrw reads the pages and the attachment, and takes the seal', () => {
  expect(read(ofd)).toBe('pages 5\nattachments 1\nsignature VALID\n');
});

test.each([
  ['a page image', 'JFIF'],
  ['the catalogue', '病案首页'],
  ['the manifest', '"pages":3'],
])('ofdrw refuses the seal when a bit of %s is changed', (_name, text) => {
  const changed = Buffer.from(ofd);
  changed[changed.indexOf(text) + 1]! ^= 1;
  expect(read(changed)).not.toContain('VALID');
});

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { inspectOfd, renderOfdPage } from '../../platform/ofd/foreign/index.ts';
import { packOfd } from '../../platform/ofd/package.ts';
import { ofdOfPages } from '../fixtures/ofd.ts';
import { jpegScan } from '../fixtures/documents.ts';
import { collect, makeContent, makeSealer } from '../fixtures/package.ts';

let dir: string;
let ofd: Buffer;
beforeAll(async () => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'sealfolio-ofdrw-'));
  ofd = await collect(packOfd(await makeContent(5), await makeSealer()));
});
afterAll(() => rmSync(dir, { recursive: true }));

/** Runs a program with ofdrw; gives what it says. */
function run(program: string, ...args: string[]): string {
  const { stdout, stderr } = spawnSync(
    'java',
    ['-cp', `${process.env.TEST_OFDRW}/*`, path.join(__dirname, program), ...args],
    { encoding: 'utf8' },
  );
  return stdout + stderr;
}

/** What ofdrw says of these bytes. */
function read(bytes: Buffer): string {
  const file = path.join(dir, 'package.ofd');
  writeFileSync(file, bytes);
  return run('OfdCheck.java', file);
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

test('what ofdrw makes is drawn: a text, a disc, a picture', async () => {
  const [file, picture] = [path.join(dir, 'made.ofd'), path.join(dir, 'blue.png')];
  await sharp({ create: { width: 40, height: 40, channels: 3, background: '#00f' } }).toFile(picture);
  expect(run('OfdMake.java', file, picture)).toBe('');
  const made = readFileSync(file);
  const pages = await inspectOfd(made, () => undefined);
  expect(pages).toEqual(Array.from({ length: 2 }, () => ({ widthMm: 100, heightMm: 100 })));
  /** How much colour a box of millimetres has, and its mean colour. */
  const look = async (page: number, left: number, top: number, width: number, height: number) => {
    const image = sharp(await renderOfdPage(made, page, 127));
    const box = { left: left * 5, top: top * 5, width: width * 5, height: height * 5 };
    const { channels } = await sharp(await image.extract(box).png().toBuffer()).stats();
    return channels.map(({ mean }) => Math.round(mean));
  };
  expect((await look(0, 10, 11, 10, 10))[0]).toBeLessThan(230);
  expect((await look(0, 20, 11, 10, 10))[0]).toBeGreaterThan(250);
  expect((await look(0, 30, 11, 10, 10))[0]).toBeGreaterThan(250);
  expect((await look(0, 50, 11, 10, 10))[0]).toBeLessThan(230);
  const [red, green] = await look(0, 45, 45, 10, 10);
  expect([red! > 240, green! < 15]).toEqual([true, true]);
  expect((await look(0, 40, 40, 2, 2))[1]).toBeGreaterThan(240);
  const [, , blue] = await look(1, 10, 10, 80, 80);
  expect(blue).toBeGreaterThan(240);
});

test('ofdrw reads the pages of those that the tests here make', async () => {
  expect(read(ofdOfPages([await jpegScan(1), await jpegScan(2)]))).toMatch(/^pages 2\n/);
});

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { main } from '../../../ops/verify.ts';

/** The test vectors of docs/receipt-format.md. */
const vectors = path.join('docs', 'vectors');
const receipt = path.join(vectors, 'receipt.json');
const file = path.join(vectors, 'file.bin');
const trust = path.join(vectors, 'trust.json');

let folder: string;
let said: string[];
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'sealfolio-verify-'));
  said = [];
  for (const stream of ['log', 'error'] as const)
    jest.spyOn(console, stream).mockImplementation((...line: unknown[]) => void said.push(line.join(' ')));
  process.env.SEALFOLIO_HOME = folder;
});
afterEach(() => {
  jest.restoreAllMocks();
  delete process.env.SEALFOLIO_HOME;
  rmSync(folder, { recursive: true });
});

function written(name: string, content: string | Uint8Array): string {
  const where = path.join(folder, name);
  writeFileSync(where, content);
  return where;
}

/** The file with one bit changed. */
function flipped(source: string, at: number): string {
  const bytes = readFileSync(source);
  bytes[at]! ^= 1;
  return written('flipped', bytes);
}

test('0 for the published vectors, every layer passed', async () => {
  expect(await main([receipt, file, '--trust', trust])).toBe(0);
  expect(said.filter((line) => line.startsWith('✓'))).toHaveLength(8);
});

test('0 with the trust anchor of SEALFOLIO_HOME', async () => {
  written('trust.json', readFileSync(trust));
  expect(await main([receipt, file])).toBe(0);
});

test('1 with the failing layer for one changed bit of the file', async () => {
  for (const at of [0, 17, readFileSync(file).length - 1])
    expect(await main([receipt, flipped(file, at), '--trust', trust])).toBe(1);
  expect(said.some((line) => line.startsWith('✗ file'))).toBe(true);
});

test('1 for one changed bit of the receipt', async () => {
  for (const at of [3, 400, 1200, readFileSync(receipt).length - 2])
    expect(await main([flipped(receipt, at), file, '--trust', trust])).toBe(1);
});

test.each([
  ['no arguments', []],
  ['one argument', [receipt]],
  ['a receipt that is not there', ['absent.json', file]],
  ['a folder for a file', [receipt, '.']],
  ['an unknown option', [receipt, file, '--fast']],
])('2 for %s', async (_, args) => {
  expect(await main(args)).toBe(2);
});

test('2 without a trust anchor, and the hash to compare is said', async () => {
  expect(await main([receipt, file])).toBe(2);
  expect(said.join('\n')).toContain(JSON.parse(readFileSync(trust, 'utf8')).membersHash);
});

test('2 for a trust anchor of another shape', async () => {
  expect(await main([receipt, file, '--trust', written('odd.json', '{"chainId":1}')])).toBe(2);
});

import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Signer } from '../../../chain-node/consensus/signer.ts';
import { systemDisk } from '../../../chain-node/store/system-disk.ts';
import { Wal, type WalEntry } from '../../../chain-node/consensus/wal.ts';
import { sm2 } from '../../../platform/crypto/index.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'sealfolio-safety-'));
});
afterEach(() => rmSync(dir, { recursive: true }));
const { privateKey } = sm2.generateKeyPair();
const signer = () => new Signer('yz1', 'test', privateKey, systemDisk(dir), sm2);
const vote = (type: 1 | 2, height: number, round: number, fill: number) => ({
  type,
  height,
  round,
  blockHash: Buffer.alloc(32, fill),
});

describe('a signer never signs two different things of one step', () => {
  test('the same vote again is the same signature, after a restart too', () => {
    const first = signer().vote(vote(1, 5, 0, 1)).signature;
    expect(signer().vote(vote(1, 5, 0, 1)).signature).toEqual(first);
  });

  test.each([
    ['another block in the same step', vote(2, 5, 1, 2)],
    ['an earlier step', vote(1, 5, 1, 1)],
    ['an earlier round', vote(2, 5, 0, 1)],
    ['an earlier height', vote(2, 4, 9, 1)],
  ])('refused after a restart: %s', (_name, again) => {
    signer().vote(vote(2, 5, 1, 1));
    expect(() => signer().vote(again)).toThrow(expect.objectContaining({ code: 'double-sign' }));
  });

  test.each([
    ['the next step', vote(2, 5, 1, 2)],
    ['the next round', vote(1, 5, 2, 2)],
    ['the next height', vote(1, 6, 0, 2)],
  ])('taken: %s', (_name, next) => {
    signer().vote(vote(1, 5, 1, 1));
    expect(signer().vote(next).signature).toHaveLength(64);
  });
});

describe('the write-ahead log', () => {
  const entries: WalEntry[] = [
    { type: 'start' },
    { type: 'timeout', step: 'propose', round: 3 },
    { type: 'vote', vote: { ...vote(1, 7, 3, 0), voter: 'yz1', signature: Buffer.alloc(64, 9) } },
  ];
  const file = () => path.join(dir, 'wal');
  const write = () => {
    const wal = new Wal(systemDisk(dir).log('wal'));
    for (const entry of entries) wal.append(entry);
    wal.sync();
    wal.close();
  };
  const read = () => {
    const wal = new Wal(systemDisk(dir).log('wal'));
    wal.close();
    return wal.entries;
  };

  test('gives back what was written', () => {
    write();
    expect(read()).toEqual(entries);
  });

  test('cut at any byte it gives the whole entries before the cut', () => {
    write();
    const { length } = readFileSync(file());
    const bytes = readFileSync(file());
    for (let cut = 0; cut < length; cut += 1) {
      writeFileSync(file(), bytes);
      truncateSync(file(), cut);
      const found = read();
      expect(found).toEqual(entries.slice(0, found.length));
      expect(found.length).toBeLessThan(entries.length);
    }
  });

  test('garbage after the end is cut off, and writing goes on', () => {
    write();
    appendFileSync(file(), Buffer.from([0, 0, 0, 5, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
    const wal = new Wal(systemDisk(dir).log('wal'));
    expect(wal.entries).toEqual(entries);
    wal.append({ type: 'start' });
    wal.close();
    expect(read()).toEqual([...entries, { type: 'start' }]);
  });

  test('cleared it begins anew', () => {
    write();
    const wal = new Wal(systemDisk(dir).log('wal'));
    wal.clear();
    wal.append({ type: 'start' });
    wal.close();
    expect(read()).toEqual([{ type: 'start' }]);
  });
});

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
const signer = () => {
  const made = new Signer('yz1', 'test', [privateKey], systemDisk(dir), sm2);
  made.use(sm2.publicKeyOf(privateKey));
  return made;
};
const vote = (type: 1 | 2, height: number, round: number, fill: number) => ({
  type,
  height,
  round,
  blockHash: Buffer.alloc(32, fill),
});

describe('a signer never signs two different things of one step', () => {
  test('the same vote again is the same signature, after a restart too', () => {
    const first = signer().vote(vote(1, 5, 0, 1), 0).signature;
    expect(signer().vote(vote(1, 5, 0, 1), 0).signature).toEqual(first);
  });

  test.each([
    ['another block in the same step', vote(2, 5, 1, 2)],
    ['an earlier step', vote(1, 5, 1, 1)],
    ['an earlier round', vote(2, 5, 0, 1)],
    ['an earlier height', vote(2, 4, 9, 1)],
  ])('refused after a restart: %s', (_name, again) => {
    signer().vote(vote(2, 5, 1, 1), 0);
    expect(() => signer().vote(again, 0)).toThrow(expect.objectContaining({ code: 'double-sign' }));
  });

  test.each([
    ['the next step', vote(2, 5, 1, 2)],
    ['the next round', vote(1, 5, 2, 2)],
    ['the next height', vote(1, 6, 0, 2)],
  ])('taken: %s', (_name, next) => {
    signer().vote(vote(1, 5, 1, 1), 0);
    expect(signer().vote(next, 0).signature).toHaveLength(64);
  });
});

const HEIGHT = 7;

describe('a signer whose disk is older than what it said', () => {
  test('silent at a height, it signs nothing there, also after a restart, and goes on at the next', () => {
    expect(signer().hasSigned({ height: 5, round: 2, step: 1 })).toBe(false);
    signer().silence(5);
    expect(signer().hasSigned({ height: 5, round: 2, step: 1 })).toBe(true);
    for (const round of [0, 7]) {
      expect(() => signer().vote(vote(2, 5, round, 1), 0)).toThrow(expect.objectContaining({ code: 'double-sign' }));
    }
    expect(signer().vote(vote(1, 6, 0, 1), 0).signature).toHaveLength(64);
  });

  test('a log with fewer entries than a precommit stood on does not back it, at that height only', () => {
    signer().vote(vote(2, 5, 0, 1), 12);
    signer().vote(vote(1, 5, 1, 2), 13);
    expect([11, 12].map((logged) => signer().isBacked(5, logged))).toEqual([false, true]);
    expect(signer().isBacked(6, 0)).toBe(true);
    expect(signer().lastVote()).toMatchObject({ height: 5, round: 1, type: 1, voter: 'yz1' });
  });
});

test.each([
  ['the last slot torn', 1024],
  ['both slots whole', null],
])('of two slots the last whole one counts: %s', (_name, tornAt) => {
  signer().vote(vote(1, 5, 0, 1), 0);
  signer().vote(vote(2, 5, 0, 1), 0);
  const file = path.join(dir, 'last-signed');
  if (tornAt !== null) {
    const bytes = readFileSync(file);
    bytes.fill(0, tornAt + 40, tornAt + 80);
    writeFileSync(file, bytes);
  }
  // A torn slot is a signature that never left: the step before it is what was said.
  expect(signer().lastVote()).toMatchObject({ type: tornAt === null ? 2 : 1 });
});

test('what could not be synced is not given out, and nothing else is signed in its place', () => {
  const disk = systemDisk(dir);
  let isBroken = true;
  const vault: typeof disk = {
    ...disk,
    log: (name) => ({
      ...disk.log(name),
      sync() {
        if (isBroken) throw Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' });
      },
    }),
  };
  const failing = new Signer('yz1', 'test', [privateKey], vault, sm2);
  failing.use(sm2.publicKeyOf(privateKey));
  expect(() => failing.vote(vote(2, 5, 0, 1), 0)).toThrow(/EIO/);
  isBroken = false;
  // It was written, if not for sure: begun anew it says that, or nothing.
  expect(() => signer().vote(vote(2, 5, 0, 2), 0)).toThrow(expect.objectContaining({ code: 'double-sign' }));
  expect(signer().vote(vote(2, 5, 0, 1), 0).signature).toHaveLength(64);
});

test('a key that the members do not know signs nothing', () => {
  const made = signer();
  expect(made.use(sm2.generateKeyPair().publicKey)).toBe(false);
  expect(() => made.vote(vote(1, 5, 0, 1), 0)).toThrow(expect.objectContaining({ code: 'double-sign' }));
});

describe('the write-ahead log', () => {
  const entries: WalEntry[] = [
    { type: 'start' },
    { type: 'timeout', step: 'propose', round: 3 },
    { type: 'vote', vote: { ...vote(1, 7, 3, 0), voter: 'yz1', signature: Buffer.alloc(64, 9) } },
  ];
  const file = () => path.join(dir, 'wal');
  const write = () => {
    const wal = new Wal(systemDisk(dir).log('wal'), HEIGHT);
    for (const entry of entries) wal.append(entry);
    wal.sync();
    wal.close();
  };
  const read = (height = HEIGHT) => {
    const wal = new Wal(systemDisk(dir).log('wal'), height);
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
    const wal = new Wal(systemDisk(dir).log('wal'), HEIGHT);
    expect(wal.entries).toEqual(entries);
    wal.append({ type: 'start' });
    wal.close();
    expect(read()).toEqual([...entries, { type: 'start' }]);
  });

  test('of the next height it begins anew, whatever is left of the one before', () => {
    write();
    const wal = new Wal(systemDisk(dir).log('wal'), HEIGHT);
    wal.begin(HEIGHT + 1);
    wal.append({ type: 'start' });
    wal.close();
    expect(read(HEIGHT + 1)).toEqual([{ type: 'start' }]);
    expect(read(HEIGHT)).toEqual([]);
  });
});

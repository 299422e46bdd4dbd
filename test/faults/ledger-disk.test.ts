import { execFileSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { LedgerNet } from '../fixtures/ledger-net.ts';

jest.setTimeout(60_000);
const seed = Number(process.env.FAULT_SEED ?? randomInt(1e6));
/** The node whose disk fails. */
const VICTIM = 2;
const LEFT_BYTES = 300_000;

let four: LedgerNet;
beforeAll(async () => {
  process.stderr.write(`ledger-disk: FAULT_SEED=${seed}\n`);
  four = await LedgerNet.raise(seed);
});
afterAll(async () => {
  await four?.end();
});

afterEach(() => four.nodes.forEach(four.thaw));

const part = () => four.net.parts[VICTIM]!;
const folder = () => four.folder(VICTIM);

/** What is put into the log while `act` runs. */
async function said(act: (sofar: () => string) => Promise<void>): Promise<string> {
  const { length } = four.log(VICTIM);
  const sofar = () => four.log(VICTIM).slice(length);
  await act(sofar);
  return sofar();
}

/** The node's folder on a small file system of its own, with what was in it. */
class SmallDisk {
  static isPermitted(): boolean {
    if (process.platform !== 'linux' || process.getuid!() !== 0) return false;
    const dir = path.join(four.net.home, 'probe');
    mkdirSync(dir, { recursive: true });
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', dir], { stdio: 'pipe' });
      execFileSync('umount', [dir]);
      return true;
    } catch {
      return false;
    }
  }

  constructor(private readonly dir: string) {
    const kept = `${dir}-kept`;
    cpSync(dir, kept, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=48m', 'tmpfs', dir]);
    cpSync(kept, dir, { recursive: true });
    rmSync(kept, { recursive: true });
  }

  /** All but so much. */
  fill(leftBytes: number): void {
    const { bavail, bsize } = statfsSync(this.dir);
    const ballast = path.join(this.dir, 'ballast');
    execFileSync('fallocate', ['-l', String(Math.max(bavail * bsize - leftBytes, bsize)), ballast]);
  }

  free(): void {
    rmSync(path.join(this.dir, 'ballast'));
  }

  remount(how: 'ro' | 'rw'): void {
    execFileSync('mount', ['-o', `remount,${how}`, this.dir]);
  }

  /** Puts what is in it back onto the disk. */
  leave(): void {
    const kept = `${this.dir}-kept`;
    cpSync(this.dir, kept, { recursive: true });
    execFileSync('umount', [this.dir]);
    cpSync(kept, this.dir, { recursive: true });
    rmSync(kept, { recursive: true });
  }
}

test('a full disk: the node says so and stops, the three go on; with space again it comes back', async () => {
  if (!SmallDisk.isPermitted()) return void process.stderr.write('ledger-disk: not permitted to mount\n');
  await four.traffic.one();
  const before = await four.promised();
  await part().stop();
  const disk = new SmallDisk(folder());
  try {
    await part().start();
    four.traffic.start();
    disk.fill(LEFT_BYTES);
    const words = await said(async () => {
      const { restarts } = part();
      await four.until(() => part().restarts > restarts + 1);
      for (const node of four.others(VICTIM)) expect(await four.attest(node)).toMatchObject({ state: 'final' });
    });
    // As it runs, and when it is started again.
    expect(words).toMatch(/No space left on device.*the node cannot go on/);
    expect(words).toMatch(/the store cannot be opened: .*No space left on device/);
    expect(words).not.toMatch(/triggerUncaughtException/);
    disk.free();
    await part().waitReady();
    await four.traffic.stop();
    await four.agree();
    await four.keeps(before);
    await four.isWhole(VICTIM);
    await part().stop();
  } finally {
    await part().stop('SIGKILL');
    disk.leave();
    await part().start();
  }
});

test('a disk that is read-only: the node says so and does not start, until it can write', async () => {
  if (!SmallDisk.isPermitted()) return void process.stderr.write('ledger-disk: not permitted to mount\n');
  await part().stop();
  const disk = new SmallDisk(folder());
  try {
    const { restarts } = part();
    disk.remount('ro');
    let started: Promise<void> | undefined;
    const words = await said(async () => {
      started = part().start();
      await four.until(() => part().restarts > restarts);
      for (const node of four.others(VICTIM)) expect(await four.attest(node)).toMatchObject({ state: 'final' });
    });
    expect(words).toMatch(/read-only/i);
    disk.remount('rw');
    await started;
    await four.agree();
    await part().stop();
  } finally {
    await part().stop('SIGKILL');
    disk.leave();
    await part().start();
  }
});

const file = (name: string) => path.join(folder(), name);
/** Beside the key: it is no part of the store's folder. */
const lastSigned = () => path.join(path.dirname(folder()), `signer-${four.id(VICTIM)}`, 'last-signed');
const change = (name: string, how: (bytes: Buffer) => Buffer) =>
  writeFileSync(file(name), how(readFileSync(file(name))));

/** Waits until the node has links to all, and signs. */
async function isAwake(): Promise<void> {
  await four.until(async () => (await four.status(VICTIM)).peers.every(({ connected }) => connected));
  const signed = readFileSync(lastSigned());
  await four.until(async () => {
    await four.attest(VICTIM);
    return !readFileSync(lastSigned()).equals(signed);
  });
  await four.meet();
}

/** Kills the node amid a height that stays open, as two of four can say what they like; what it signed of it counts. */
async function killAmid(away: readonly number[]): Promise<void> {
  for (const node of away) four.freeze(node);
  const signed = readFileSync(lastSigned());
  const open = four.attest(VICTIM).catch(() => {});
  await four.until(() => !readFileSync(lastSigned()).equals(signed));
  await part().stop('SIGKILL');
  await open;
}

test.each<[string, () => void]>([
  [
    'the log of the height, cut in its last entry',
    () => truncateSync(file('wal'), readFileSync(file('wal')).length - 3),
  ],
  ['the log of the height, cut in half', () => truncateSync(file('wal'), readFileSync(file('wal')).length >> 1)],
  [
    'the log of the height, with rubbish at its end',
    () => change('wal', (bytes) => Buffer.concat([bytes, Buffer.alloc(999, 0xa5)])),
  ],
  ['the log of the height, all zero', () => change('wal', (bytes) => bytes.fill(0))],
  ['the log of the height, gone', () => rmSync(file('wal'))],
  [
    'what was last signed, one of its two places torn',
    () => writeFileSync(lastSigned(), readFileSync(lastSigned()).fill(0xff, 0, 512)),
  ],
  ['what was last signed, gone', () => rmSync(lastSigned())],
  ['the whole folder, gone', () => rmSync(folder(), { recursive: true })],
])('%s, after a kill amid a height: it comes back, and signs nothing twice', async (_name, damage) => {
  const [mate, ...away] = four.others(VICTIM) as [number, number, number];
  await isAwake();
  await killAmid(away);
  damage();
  // With one of those away back, it is greeted by a quorum, of which its mate of before is one; and they cannot do without it.
  four.thaw(away[0]);
  await part().start();
  await four.until(async () => {
    const { peers } = await four.status(VICTIM);
    return peers.filter(({ connected }) => connected).length >= 2;
  });
  four.thaw(away[1]);
  expect(await four.attest(mate)).toMatchObject({ state: 'final' });
  await four.agree();
});

test('an old copy of the machine, put back amid a height: it is told what it signed, is silent at it, and follows', async () => {
  await part().stop();
  const copy = `${folder()}-copy`;
  cpSync(folder(), copy, { recursive: true });
  const signed = readFileSync(lastSigned());
  await part().start();
  const [mate, ...away] = four.others(VICTIM) as [number, number, number];
  await isAwake();
  const words = await said(async (sofar) => {
    await killAmid(away);
    rmSync(folder(), { recursive: true });
    cpSync(copy, folder(), { recursive: true });
    writeFileSync(lastSigned(), signed);
    four.thaw(away[0]);
    await part().start();
    await four.until(() => sofar().includes('our disk is older than what we signed'));
  });
  expect(words).toContain('silent at that height');
  four.thaw(away[1]);
  expect(await four.attest(mate)).toMatchObject({ state: 'final' });
  await four.agree();
});

test('an old copy of the folder, many blocks old, put back after a kill: it catches up, and nobody is accused', async () => {
  await part().stop();
  const copy = `${folder()}-old`;
  cpSync(folder(), copy, { recursive: true });
  await part().start();
  four.traffic.start();
  for (const node of four.nodes) await four.attest(node);
  await part().stop('SIGKILL');
  rmSync(folder(), { recursive: true });
  cpSync(copy, folder(), { recursive: true });
  await part().start();
  await four.traffic.stop();
  await four.agree();
  for (const node of four.nodes) await four.isWhole(node);
});

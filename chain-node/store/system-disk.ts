import {
  closeSync,
  existsSync,
  fdatasyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
  writevSync,
} from 'node:fs';
import path from 'node:path';
import { ClassicLevel } from 'classic-level';
import { LedgerError } from '../errors.ts';
import type { Disk, KeyValues, LogFile } from '../world.ts';

/** So few that what else the thread has to do does not wait. */
const KEYS_AT_ONCE = 1000;

function openLog(file: string): LogFile {
  const content = existsSync(file) ? readFileSync(file) : Buffer.alloc(0);
  const fd = openSync(file, existsSync(file) ? 'r+' : 'w+', 0o600);
  return {
    content,
    write(parts, at) {
      const whole = parts.reduce((sum, { length }) => sum + length, 0);
      let done = writevSync(fd, parts, at);
      if (done === whole) return;
      const rest = Buffer.concat(parts).subarray(done);
      while (done < whole) done += writeSync(fd, rest, done - (whole - rest.length), whole - done, at + done);
    },
    truncate: (length) => ftruncateSync(fd, length),
    sync: () => fdatasyncSync(fd),
    close: () => closeSync(fd),
  };
}

/** LevelDB: a batch is one write, so after a kill it is there whole or not at all. */
async function openLevel(dir: string): Promise<KeyValues> {
  const db = new ClassicLevel<string, Buffer>(dir, { keyEncoding: 'utf8', valueEncoding: 'buffer' });
  try {
    await db.open();
  } catch (error) {
    const { cause } = error as { cause?: { code?: string; message?: string } };
    // A file that the store's own list names is missing: to LevelDB an input/output error.
    if (cause?.code !== 'LEVEL_CORRUPTION' && !cause?.message?.includes('No such file or directory'))
      throw new Error(`the store cannot be opened: ${cause?.message}`, { cause: error });
    throw new LedgerError('store-corrupt', String(cause.message));
  }
  return {
    get: (key) => db.get(key),
    getSync: (key) => db.getSync(key),
    getMany: (keys) => (keys.length === 0 ? Promise.resolve([]) : db.getMany([...keys])),
    async write(puts) {
      const batch = db.batch();
      for (const [key, value] of puts) batch.put(key, value);
      await batch.write({ sync: true });
    },
    range: (gte, lt, limit = -1, reverse = false) => db.iterator({ gte, lt, limit, reverse }),
    async *keys(gte, lt) {
      // What is read once only must not push out what is read often.
      const keys = db.keys({ gte, lt, fillCache: false });
      try {
        for (;;) {
          const some = await keys.nextv(KEYS_AT_ONCE);
          if (some.length === 0) return;
          yield some;
        }
      } finally {
        await keys.close();
      }
    },
    close: () => db.close(),
  };
}

/** One folder of the real disk. */
export function systemDisk(dir: string): Disk {
  mkdirSync(dir, { recursive: true });
  const at = (name: string) => path.join(dir, name);
  return {
    log: (name) => openLog(at(name)),
    keyValues: (name) => openLevel(at(name)),
    rename(name, to) {
      if (to === null) return rmSync(at(name), { recursive: true, force: true });
      rmSync(at(to), { recursive: true, force: true });
      if (existsSync(at(name))) renameSync(at(name), at(to));
    },
  };
}

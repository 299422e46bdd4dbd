import {
  closeSync,
  existsSync,
  fdatasyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { ClassicLevel } from 'classic-level';
import type { Disk, KeyValues, LogFile } from '../world.ts';
import { writeDurably } from './files.ts';

function openLog(file: string): LogFile {
  const content = existsSync(file) ? readFileSync(file) : Buffer.alloc(0);
  const fd = openSync(file, existsSync(file) ? 'r+' : 'w+', 0o600);
  return {
    content,
    write: (bytes, at) => void writeSync(fd, bytes, 0, bytes.length, at),
    truncate: (length) => ftruncateSync(fd, length),
    sync: () => fdatasyncSync(fd),
    close: () => closeSync(fd),
  };
}

/** LevelDB: a batch is one synced write, so after a kill it is there whole or not at all. */
async function openLevel(dir: string): Promise<KeyValues> {
  const db = new ClassicLevel<string, Buffer>(dir, { keyEncoding: 'utf8', valueEncoding: 'buffer' });
  await db.open();
  return {
    get: (key) => db.get(key),
    async write(puts) {
      const batch = db.batch();
      for (const [key, value] of puts) batch.put(key, typeof value === 'string' ? Buffer.from(value) : value);
      await batch.write({ sync: true });
    },
    range: (gte, lt, limit = -1) => db.iterator({ gte, lt, limit }),
    close: () => db.close(),
  };
}

/** One folder of the real disk. */
export function systemDisk(dir: string): Disk {
  mkdirSync(dir, { recursive: true });
  const at = (name: string) => path.join(dir, name);
  return {
    log: (name) => openLog(at(name)),
    read: (name) => (existsSync(at(name)) ? readFileSync(at(name)) : null),
    replace: (name, content) => writeDurably(at(name), content),
    keyValues: (name) => openLevel(at(name)),
  };
}

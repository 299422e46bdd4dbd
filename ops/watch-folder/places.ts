import { existsSync, mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { decodeName } from '../ingest/scan-files.ts';
import { OUTCOME } from '../ingest/sidecar.ts';

/** Folders of the watched one that are the station's own: under way, ended well, ended with something refused. */
export const PLACES = ['taken', 'done', 'refused'] as const;
export type Place = (typeof PLACES)[number];

/** A folder of scans, or a file that lies where only folders should. */
export interface Entry {
  name: string;
  location: Buffer;
  isFolder: boolean;
  hasFolders: boolean;
  /** Names in it, one level deep. */
  names: string[];
  /** Changes whenever a file in it does. */
  fingerprint: string;
}

const join = (folder: Buffer, raw: Buffer) => Buffer.concat([folder, Buffer.from(path.sep), raw]);
const listed = (folder: Buffer) =>
  readdirSync(folder, { encoding: 'buffer' })
    .map((raw) => ({ name: decodeName(raw), location: join(folder, raw) }))
    .filter(({ name }) => !name.startsWith('.'))
    .sort((a, b) => a.name.localeCompare(b.name, 'zh', { numeric: true }));

function entryOf({ name, location }: { name: string; location: Buffer }): Entry {
  const isFolder = statSync(location).isDirectory();
  const entries = isFolder ? listed(location) : [{ name, location }];
  const stats = entries.map((entry) => ({ ...entry, stat: statSync(entry.location) }));
  return {
    name,
    location,
    isFolder,
    hasFolders: isFolder && stats.some(({ stat }) => stat.isDirectory()),
    names: entries.map((entry) => entry.name),
    fingerprint: JSON.stringify(stats.map(({ name: of, stat: { size, mtimeMs } }) => [of, size, mtimeMs])),
  };
}

/** A watched folder: what comes in lies in it, what was taken in the places of PLACES. */
export class Places {
  readonly #root: Buffer;

  constructor(readonly dir: string) {
    this.#root = Buffer.from(path.resolve(dir));
    for (const place of PLACES) mkdirSync(path.join(dir, place), { recursive: true });
  }

  /** What waits. An entry that goes away while it is looked at is left out. */
  incoming(): Entry[] {
    return listed(this.#root)
      .filter(({ name }) => !(PLACES as readonly string[]).includes(name))
      .flatMap((entry) => {
        try {
          return [entryOf(entry)];
        } catch (error) {
          if ((error as { code?: string }).code === 'ENOENT') return [];
          throw error;
        }
      });
  }

  /** Folders under way. */
  taken(): string[] {
    return this.folders('taken');
  }

  folders(place: Place): string[] {
    return readdirSync(path.join(this.dir, place), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .sort();
  }

  pathOf(place: Place, name: string): string {
    return path.join(this.dir, place, name);
  }

  look(name: string): Entry {
    return entryOf({ name, location: Buffer.from(this.pathOf('taken', name)) });
  }

  #free(place: Place, name: string): string {
    for (let n = 1; ; n += 1) {
      const free = n === 1 ? name : `${name}.${n}`;
      if (!existsSync(this.pathOf(place, free))) return free;
    }
  }

  /** Takes it out of the scanner's reach. One rename: it is in one place or the other. A file gets a folder around it. */
  take({ name, location, isFolder }: Entry): void {
    const free = this.pathOf('taken', this.#free('taken', name));
    if (!isFolder) mkdirSync(free);
    renameSync(location, isFolder ? free : path.join(free, name));
  }

  /** Moves what was taken to where it ends, with what became of it. */
  end(place: 'done' | 'refused', name: string, outcome: object): void {
    writeFileSync(path.join(this.pathOf('taken', name), OUTCOME), `${JSON.stringify(outcome, null, 2)}\n`);
    renameSync(this.pathOf('taken', name), this.pathOf(place, this.#free(place, name)));
  }
}

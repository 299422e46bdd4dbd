import { readdirSync, readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { readSfnt, type Sfnt } from './sfnt.ts';

const FOLDERS = [
  '/usr/share/fonts',
  '/usr/local/share/fonts',
  path.join(os.homedir(), '.local/share/fonts'),
  '/System/Library/Fonts',
  '/Library/Fonts',
];
/** Files by what they are, the best first. The last are for signs that Chinese fonts lack. */
const FILES = {
  serif: [/^NotoSerifCJK-Regular\.ttc$/, /^SourceHanSerif(SC)?-Regular\./, /^simsun\.ttc$/i, /^Songti\.ttc$/],
  sans: [/^NotoSansCJK-Regular\.ttc$/, /^SourceHanSans(SC)?-Regular\./, /^wqy-(zenhei|microhei)\.ttc$/, /^STHeiti/],
  signs: [/^DejaVuSans\.ttf$/, /^NotoSansSymbols2?-Regular\.ttf$/, /^Apple Symbols\.ttf$/],
} as const;
/** Song, Fangsong and Kai are written by brush or chisel, as serif fonts are; so are what western names say. */
const SERIF = /[宋仿楷]|song|sung|sim ?sun|ming|kai|serif|times|roman|georgia|courier/i;

type Kind = keyof typeof FILES;
const read = new Map<Kind, Sfnt | null>();
let names: string[] | undefined;

function installed(): string[] {
  names ??= FOLDERS.flatMap((folder) => {
    try {
      return readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => path.join(folder, name));
    } catch {
      return [];
    }
  });
  return names;
}

function font(kind: Kind): Sfnt | null {
  const known = read.get(kind);
  if (known !== undefined) return known;
  const found = FILES[kind]
    .map((pattern) => installed().find((name) => pattern.test(path.basename(name))))
    .find((name) => name !== undefined);
  const opened = found === undefined ? null : readSfnt(readFileSync(found));
  read.set(kind, opened);
  return opened;
}

/** Fonts of this machine that stand in for one that a document names and does not bring, in the order in which they are asked for a character. */
export function* systemFonts(name: string): Generator<Sfnt> {
  const kinds: Kind[] =
    /sans/i.test(name) || !SERIF.test(name) ? ['sans', 'serif', 'signs'] : ['serif', 'sans', 'signs'];
  for (const kind of kinds) {
    const found = font(kind);
    if (found !== null) yield found;
  }
}

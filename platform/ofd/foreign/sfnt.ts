/** A font file of one font, and which of its glyphs shows a character. */
export interface Sfnt {
  data: Buffer;
  /** 0 if it has none. */
  glyphOf(codePoint: number): number;
  /** How wide a glyph is, in its size; null if the font does not say. */
  advanceOf(glyph: number): number | null;
}

interface Table {
  tag: string;
  start: number;
  length: number;
}

const HEAD_BYTES = 12;
const RECORD_BYTES = 16;
const MAX_TABLES = 64;
const MAX_MAPPED = 200_000;
/** Where fonts of symbols keep their characters. */
const SYMBOLS = 0xf000;
const ENGLISH = 0x409;

function tablesAt(data: Buffer, at: number): Table[] {
  const count = data.readUInt16BE(at + 4);
  if (count > MAX_TABLES) throw new RangeError('tables');
  return Array.from({ length: count }, (_, i) => {
    const record = at + HEAD_BYTES + RECORD_BYTES * i;
    const [start, length] = [data.readUInt32BE(record + 8), data.readUInt32BE(record + 12)];
    return { tag: data.toString('latin1', record, record + 4), start, length };
  });
}

const tableOf = (data: Buffer, tables: readonly Table[], tag: string): Buffer | undefined => {
  const found = tables.find((table) => table.tag === tag);
  return found === undefined ? undefined : data.subarray(found.start, found.start + found.length);
};

/** The family name of one font of a collection, as Windows names it in English. */
function familyOf(name: Buffer): string {
  const strings = name.readUInt16BE(4);
  for (let i = 0; i < name.readUInt16BE(2); i += 1) {
    const at = 6 + 12 * i;
    const [platform, language, id] = [name.readUInt16BE(at), name.readUInt16BE(at + 4), name.readUInt16BE(at + 6)];
    if (platform !== 3 || language !== ENGLISH || id !== 1) continue;
    const from = strings + name.readUInt16BE(at + 10);
    return Buffer.from(name.subarray(from, from + (name.readUInt16BE(at + 8) & ~1)))
      .swap16()
      .toString('utf16le');
  }
  return '';
}

/** One font of a collection, alone: simplified Chinese if there is one. */
function single(data: Buffer): Buffer {
  const offsets = Array.from({ length: Math.min(data.readUInt32BE(8), MAX_TABLES) }, (_, i) =>
    data.readUInt32BE(HEAD_BYTES + 4 * i),
  );
  const isSimplified = (at: number) =>
    / SC$/.test(familyOf(tableOf(data, tablesAt(data, at), 'name') ?? Buffer.alloc(6)));
  const at = offsets.find(isSimplified) ?? offsets[0] ?? 0;
  const tables = tablesAt(data, at);
  if (tables.reduce((sum, { length }) => sum + length, 0) > data.length) throw new RangeError('lengths');
  const head = Buffer.from(data.subarray(at, at + HEAD_BYTES + RECORD_BYTES * tables.length));
  const parts = [head];
  let end = head.length;
  for (const [i, { start, length }] of tables.entries()) {
    head.writeUInt32BE(end, HEAD_BYTES + RECORD_BYTES * i + 8);
    const padded = Buffer.alloc((length + 3) & ~3);
    data.copy(padded, 0, start, start + length);
    parts.push(padded);
    end += padded.length;
  }
  return Buffer.concat(parts);
}

/** Widths of glyphs (hmtx; the last one holds for those after it). */
function advances(data: Buffer, tables: readonly Table[]): Sfnt['advanceOf'] {
  const [head, hhea, hmtx] = ['head', 'hhea', 'hmtx'].map((tag) => tableOf(data, tables, tag));
  if (!head || !hhea || !hmtx || head.length < 20 || hhea.length < 36) return () => null;
  const [unit, count] = [head.readUInt16BE(18), hhea.readUInt16BE(34)];
  return (glyph) => {
    const at = 4 * Math.min(glyph, count - 1);
    return at < 0 || at + 2 > hmtx.length || unit === 0 ? null : hmtx.readUInt16BE(at) / unit;
  };
}

/** Which of the tables of a cmap is read: all of Unicode, its first plane, symbols, Macintosh. */
const rank = (platform: number, encoding: number): number => {
  const ranks: Record<string, number> = { '3/10': 6, '0/6': 5, '0/4': 5, '3/1': 4, '0/3': 3, '3/0': 2, '1/0': 1 };
  return ranks[`${platform}/${encoding}`] ?? 0;
};

function* mappings(cmap: Buffer): Generator<[number, number]> {
  let best = { rank: -1, at: 0 };
  for (let i = 0; i < Math.min(cmap.readUInt16BE(2), MAX_TABLES); i += 1) {
    const record = 4 + 8 * i;
    const found = {
      rank: rank(cmap.readUInt16BE(record), cmap.readUInt16BE(record + 2)),
      at: cmap.readUInt32BE(record + 4),
    };
    if (found.rank > best.rank && [0, 4, 6, 12].includes(cmap.readUInt16BE(found.at))) best = found;
  }
  if (best.rank < 0) return;
  const table = cmap.subarray(best.at);
  const format = table.readUInt16BE(0);
  if (format === 0) for (let code = 0; code < 256; code += 1) yield [code, table.readUInt8(6 + code)];
  if (format === 6) {
    const [first, count] = [table.readUInt16BE(6), table.readUInt16BE(8)];
    for (let i = 0; i < count; i += 1) yield [first + i, table.readUInt16BE(10 + 2 * i)];
  }
  if (format === 12)
    for (let i = 0; i < table.readUInt32BE(12); i += 1) {
      const at = 16 + 12 * i;
      const [first, last, glyph] = [table.readUInt32BE(at), table.readUInt32BE(at + 4), table.readUInt32BE(at + 8)];
      for (let code = first; code <= Math.min(last, 0x10ffff); code += 1) yield [code, glyph + code - first];
    }
  if (format === 4) {
    const bytes = table.readUInt16BE(6);
    for (let i = 0; i < bytes; i += 2) {
      const [ends, starts, shifts, offsets] = [14 + i, 16 + bytes + i, 16 + 2 * bytes + i, 16 + 3 * bytes + i];
      const [first, last] = [table.readUInt16BE(starts), table.readUInt16BE(ends)];
      const [shift, offset] = [table.readUInt16BE(shifts), table.readUInt16BE(offsets)];
      for (let code = first; code <= last && code < 0xffff; code += 1) {
        const listed = offset === 0 ? code : table.readUInt16BE(offsets + offset + 2 * (code - first));
        yield [code, listed === 0 && offset !== 0 ? 0 : (listed + shift) & 0xffff];
      }
    }
  }
}

/** A read past the end. Told by its name, as the error may be of another realm. */
const isPastEnd = (error: unknown) => (error as Partial<Error> | null)?.name === 'RangeError';

/** Glyphs by character; what is cut short or goes on for ever is read as far as it goes. */
function glyphMap(cmap: Buffer): Map<number, number> {
  const map = new Map<number, number>();
  let read = 0;
  try {
    for (const [code, glyph] of mappings(cmap)) {
      read += 1;
      if (read > MAX_MAPPED) break;
      if (glyph > 0 && glyph <= 0xffff && !map.has(code)) map.set(code, glyph);
    }
  } catch (error) {
    if (!isPastEnd(error)) throw error;
  }
  return map;
}

/**
 * Reads a TrueType or OpenType font or a collection of them (ISO/IEC 14496-22), which anyone may have made. Null if it is
 * none. Outlines are left to what draws them.
 */
export function readSfnt(file: Buffer): Sfnt | null {
  try {
    const tag = file.toString('latin1', 0, 4);
    if (!['\0\x01\0\0', 'OTTO', 'true', 'ttcf'].includes(tag)) return null;
    const data = tag === 'ttcf' ? single(file) : file;
    const tables = tablesAt(data, 0);
    if (!tables.some(({ tag: name }) => ['glyf', 'CFF ', 'CFF2'].includes(name))) return null;
    const cmap = tableOf(data, tables, 'cmap');
    const map = cmap === undefined ? new Map<number, number>() : glyphMap(cmap);
    return {
      data,
      glyphOf: (code) => map.get(code) ?? map.get(SYMBOLS + code) ?? 0,
      advanceOf: advances(data, tables),
    };
  } catch (error) {
    if (isPastEnd(error)) return null;
    throw error;
  }
}

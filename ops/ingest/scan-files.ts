import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import iconv from 'iconv-lite';
import type { DocumentType } from '../../domain/catalog.ts';
import { sm3 } from '../../platform/crypto/index.ts';
import { inspect } from '../../platform/ofd/inspect.ts';
import { sniff } from '../../platform/ofd/media.ts';
import { OUTCOME, SIDECAR, STACK } from './sidecar.ts';

export interface ScannedFile {
  /** Raw path, as names may be of any encoding. */
  location: Buffer;
  fileName: string;
  mediaType: string;
  documentType: DocumentType;
  bytes: number;
  sm3: string;
  pageCount: number;
  /** 分隔页: its first page only says what follows, and is not one of the record. */
  separatorFirst?: true;
}

/** Words in file names that tell the kind of document, as scan stations name files. */
const TYPES: readonly [RegExp, DocumentType][] = [
  [/首页|front/i, 'frontPage'],
  [/入院|admission/i, 'admission'],
  [/病程|progress/i, 'progress'],
  [/医嘱|order/i, 'orders'],
  [/手术|operation/i, 'operation'],
  [/护理|nursing/i, 'nursing'],
  [/检验|lab/i, 'labReport'],
  [/检查|exam/i, 'examReport'],
  [/同意|consent/i, 'consent'],
];

/** A name as text: UTF-8, else GB18030, which scan stations on old Windows write. */
export function decodeName(raw: Buffer): string {
  const utf8 = raw.toString('utf8');
  return Buffer.from(utf8, 'utf8').equals(raw) ? utf8 : iconv.decode(raw, 'gb18030');
}

/** What a file looks like before it is sent; what cannot be read is sent as it is, and the hospital refuses it with the reason. */
async function scanFile(location: Buffer, fileName: string): Promise<ScannedFile> {
  const data = readFileSync(location);
  const mediaType = sniff(data) ?? 'image/jpeg';
  const pageCount = await inspect(data, mediaType).then(
    ({ pages }) => pages.length,
    () => 1,
  );
  const documentType = TYPES.find(([pattern]) => pattern.test(fileName))?.[1] ?? 'other';
  return { location, fileName, mediaType, documentType, bytes: data.length, sm3: sm3(data).toString('hex'), pageCount };
}

/** The files of one folder, in the order of their names. */
export async function scanFiles(folder: Buffer): Promise<ScannedFile[]> {
  const entries = readdirSync(folder, { encoding: 'buffer' })
    .map((raw) => ({ raw, name: decodeName(raw), location: Buffer.concat([folder, Buffer.from(path.sep), raw]) }))
    .filter(({ name: file }) => !file.startsWith('.') && ![SIDECAR, STACK, OUTCOME].includes(file))
    .filter(({ location }) => statSync(location).isFile())
    .sort((a, b) => a.name.localeCompare(b.name, 'zh', { numeric: true }));
  const files: ScannedFile[] = [];
  for (const { location, name: file } of entries) files.push(await scanFile(location, file));
  return files;
}

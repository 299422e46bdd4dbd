import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import iconv from 'iconv-lite';
import type { DocumentType } from '../../domain/catalog.ts';
import { sm3 } from '../../platform/crypto/index.ts';
import { inspect } from '../../platform/ofd/inspect.ts';
import { sniff } from '../../platform/ofd/media.ts';
import { OUTCOME, readSidecar, SIDECAR, type VisitFields, visitSchema } from './sidecar.ts';

export interface ScannedFile {
  /** Raw path, as names may be of any encoding. */
  location: Buffer;
  fileName: string;
  mediaType: string;
  documentType: DocumentType;
  bytes: number;
  sm3: string;
  pageCount: number;
}

export interface ScannedVisit extends VisitFields {
  files: ScannedFile[];
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
export async function scanFiles(folder: Buffer, sidecar = SIDECAR): Promise<ScannedFile[]> {
  const entries = readdirSync(folder, { encoding: 'buffer' })
    .map((raw) => ({ raw, name: decodeName(raw), location: Buffer.concat([folder, Buffer.from(path.sep), raw]) }))
    .filter(({ name: file }) => !file.startsWith('.') && file !== sidecar && file !== OUTCOME)
    .filter(({ location }) => statSync(location).isFile())
    .sort((a, b) => a.name.localeCompare(b.name, 'zh', { numeric: true }));
  const files: ScannedFile[] = [];
  for (const { location, name: file } of entries) files.push(await scanFile(location, file));
  return files;
}

/** The visit in a folder; null if there are no files in it. Throws sidecar-invalid. */
export async function scanVisit(folder: Buffer, name: string): Promise<ScannedVisit | null> {
  const files = await scanFiles(folder);
  if (files.length === 0) return null;
  if (!files.some(({ documentType }) => documentType === 'frontPage')) files[0]!.documentType = 'frontPage';
  return { ...visitOf(folder, name, files), files };
}

/** From visit.json beside the scans; else made up from the files, so that the same folder is the same visit. */
function visitOf(folder: Buffer, name: string, files: readonly ScannedFile[]): VisitFields {
  const said = readSidecar(folder, SIDECAR, visitSchema);
  if (said !== null) return said;
  const digest = sm3(Buffer.from(files.map((one) => one.sm3).join())).toString('hex');
  const number = String(parseInt(digest.slice(0, 8), 16)).padStart(10, '0');
  return {
    patientNo: `P${number}`,
    visitNo: '1',
    patientName: name.slice(0, 32),
    dischargedAt: new Date().toISOString(),
  };
}

/** The visits in a folder: each subfolder is one; without subfolders the folder itself is. */
export async function scanFolder(dir: string): Promise<ScannedVisit[]> {
  const root = Buffer.from(path.resolve(dir));
  const folders = readdirSync(root, { encoding: 'buffer' })
    .map((raw) => ({ name: decodeName(raw), location: Buffer.concat([root, Buffer.from(path.sep), raw]) }))
    .filter(({ location }) => statSync(location).isDirectory());
  const found = folders.length > 0 ? folders : [{ name: path.basename(path.resolve(dir)), location: root }];
  const visits: ScannedVisit[] = [];
  for (const { name, location } of found) {
    const visit = await scanVisit(location, name);
    if (visit !== null) visits.push(visit);
  }
  return visits;
}

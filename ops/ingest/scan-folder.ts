import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import iconv from 'iconv-lite';
import { z } from 'zod';
import type { DocumentType } from '../../domain/catalog.ts';
import { sm3 } from '../../platform/crypto/index.ts';
import { inspect } from '../../platform/ofd/inspect.ts';
import { sniff } from '../../platform/ofd/media.ts';

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

export interface ScannedVisit {
  patientNo: string;
  visitNo: string;
  patientName: string;
  department?: string | undefined;
  admittedAt?: string | undefined;
  dischargedAt: string;
  files: ScannedFile[];
}

const SIDECAR = 'visit.json';
const sidecar = z.strictObject({
  patientNo: z.string(),
  visitNo: z.string(),
  patientName: z.string(),
  department: z.string().optional(),
  admittedAt: z.iso.datetime().optional(),
  dischargedAt: z.iso.datetime(),
});

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

async function scanVisit(folder: Buffer, name: string): Promise<ScannedVisit | null> {
  const entries = readdirSync(folder, { encoding: 'buffer' })
    .map((raw) => ({ raw, name: decodeName(raw), location: Buffer.concat([folder, Buffer.from(path.sep), raw]) }))
    .filter(({ location, name: file }) => statSync(location).isFile() && !file.startsWith('.') && file !== SIDECAR)
    .sort((a, b) => a.name.localeCompare(b.name, 'zh', { numeric: true }));
  if (entries.length === 0) return null;
  const files: ScannedFile[] = [];
  for (const { location, name: file } of entries) files.push(await scanFile(location, file));
  if (!files.some(({ documentType }) => documentType === 'frontPage')) files[0]!.documentType = 'frontPage';
  return { ...visitOf(folder, name, files), files };
}

/** From visit.json beside the scans; else made up from the files, so that the same folder is the same visit. */
function visitOf(folder: Buffer, name: string, files: readonly ScannedFile[]): Omit<ScannedVisit, 'files'> {
  const file = Buffer.concat([folder, Buffer.from(path.sep + SIDECAR)]);
  try {
    return sidecar.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    if ((error as { code?: string }).code !== 'ENOENT')
      throw new Error(`${name}/${SIDECAR}: ${(error as Error).message}`);
  }
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

import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { sm3 } from '../../platform/crypto/index.ts';
import { decodeName, type ScannedFile, scanFiles } from './scan-files.ts';
import { readSidecar, SIDECAR, STACK, stackSchema, type VisitFields, visitSchema } from './sidecar.ts';
import { type ScannedVisit, splitStack } from './stack.ts';

export type { ScannedVisit } from './stack.ts';

/** The visits in a folder: one, or those of its stack; none if there are no files in it. Throws what readSidecar and splitStack throw. */
export async function visitsIn(folder: Buffer, name: string): Promise<ScannedVisit[]> {
  const files = await scanFiles(folder);
  if (files.length === 0) return [];
  const stack = readSidecar(folder, STACK, stackSchema);
  if (stack !== null) return splitStack(files, stack);
  if (!files.some(({ documentType }) => documentType === 'frontPage')) files[0]!.documentType = 'frontPage';
  return [{ ...visitOf(folder, name, files), files }];
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

/** The visits in a folder: each subfolder is one, or a stack of several; without subfolders the folder itself is. */
export async function scanFolder(dir: string): Promise<ScannedVisit[]> {
  const root = Buffer.from(path.resolve(dir));
  const folders = readdirSync(root, { encoding: 'buffer' })
    .map((raw) => ({ name: decodeName(raw), location: Buffer.concat([root, Buffer.from(path.sep), raw]) }))
    .filter(({ location }) => statSync(location).isDirectory());
  const found = folders.length > 0 ? folders : [{ name: path.basename(path.resolve(dir)), location: root }];
  const visits: ScannedVisit[] = [];
  for (const { name, location } of found) visits.push(...(await visitsIn(location, name)));
  return visits;
}

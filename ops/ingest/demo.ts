import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** What the running demo wrote down for tools on this machine. */
export function demo(): { url: string; secretFile: string } | null {
  const home = process.env.SEALFOLIO_HOME ?? '.sealfolio';
  const file = path.join(home, 'demo.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { url: string; secretFile: string }) : null;
}

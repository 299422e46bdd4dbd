import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ApiClient } from '../ingest/client.ts';
import { demo } from '../ingest/demo.ts';
import { takeLock } from '../launch/lock.ts';
import { FolderStation } from './watch.ts';

const USAGE =
  'usage: npm run watch-folder -- DIR [--station ID] [--url URL] [--app ID] [--secret-file FILE] [--settle SECONDS] [--patience SECONDS] [--rescan SECONDS]';

/** A number of seconds that a person gave, in milliseconds. */
function milliseconds(name: string, text: string): number {
  const seconds = Number(text);
  if (!(seconds > 0 && seconds <= 86_400)) throw new Error(`--${name} is seconds, more than 0 and at most 86400`);
  return seconds * 1000;
}

/** `npm run watch-folder`: sends what a scanner writes into a folder, until it is told to end (SIGINT, SIGTERM). Exit 0 then, 2 if it cannot run. */
export async function main(argv: readonly string[]): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        station: { type: 'string', default: 'watch-folder' },
        url: { type: 'string' },
        app: { type: 'string', default: 'scanner' },
        'secret-file': { type: 'string' },
        settle: { type: 'string', default: '10' },
        patience: { type: 'string', default: '1800' },
        rescan: { type: 'string', default: '30' },
      },
    });
    const [dir] = positionals;
    const known = demo();
    const [url, secretFile] = [values.url ?? known?.url, values['secret-file'] ?? known?.secretFile];
    if (dir === undefined || url === undefined || secretFile === undefined) throw new Error(USAGE);
    if (!existsSync(dir) || !statSync(dir).isDirectory()) throw new Error(`${dir} is not a folder`);
    const release = takeLock(path.join(dir, '.watch-folder.lock'), 'watch another folder');
    const key = Buffer.from(readFileSync(secretFile, 'utf8').trim(), 'hex');
    const ending = new AbortController();
    // What is under way goes on at the next start.
    const end = () => ending.abort();
    process.once('SIGINT', end).once('SIGTERM', end);
    const station = new FolderStation(new ApiClient(url, { appId: values.app, algorithm: 'hmac-sha256', key }), {
      dir,
      scannerId: values.station,
      settleMs: milliseconds('settle', values.settle),
      patienceMs: milliseconds('patience', values.patience),
      rescanMs: milliseconds('rescan', values.rescan),
      say: (line) => console.error(`${new Date().toISOString()} ${line}`),
      signal: ending.signal,
    });
    try {
      await station.run();
    } finally {
      release();
    }
    return 0;
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    return 2;
  }
}

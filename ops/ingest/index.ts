import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ApiClient } from './client.ts';
import { demo } from './demo.ts';
import { scanFolder } from './scan-folder.ts';
import { sendVisit, waitForEnd } from './send.ts';

const USAGE = 'usage: npm run ingest -- DIR [--url URL] [--app ID] [--secret-file FILE] [--out DIR]';
const BAR = 30;

function progress(done: number, total: number, note: string): void {
  const share = total === 0 ? 1 : Math.min(1, done / total);
  const bar = '█'.repeat(Math.round(share * BAR)).padEnd(BAR, '░');
  const line = `${bar} ${(100 * share).toFixed(0).padStart(3)}% ${(done / 1e6).toFixed(1)} MB  ${note}`;
  process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${line}` : `${line}\n`);
}

/** `npm run ingest`: sends a folder of scans as a scan station would, and waits until every visit is attested. Exit 0 if all went in, 1 if a file was refused, 2 if it could not be sent. */
export async function main(argv: readonly string[]): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        url: { type: 'string' },
        app: { type: 'string', default: 'scanner' },
        'secret-file': { type: 'string' },
        out: { type: 'string', default: 'receipts' },
      },
    });
    const [dir] = positionals;
    const known = demo();
    const [url, secretFile] = [values.url ?? known?.url, values['secret-file'] ?? known?.secretFile];
    if (dir === undefined || url === undefined || secretFile === undefined) throw new Error(USAGE);
    const key = Buffer.from(readFileSync(secretFile, 'utf8').trim(), 'hex');
    const client = new ApiClient(url, { appId: values.app, algorithm: 'hmac-sha256', key });
    process.stderr.write(`reading ${dir}\n`);
    const visits = await scanFolder(dir);
    const total = visits.flatMap(({ files }) => files).reduce((sum, { bytes }) => sum + bytes, 0);
    const pages = visits.flatMap(({ files }) => files).reduce((sum, { pageCount }) => sum + pageCount, 0);
    process.stderr.write(`${visits.length} visits, ${pages} pages, ${(total / 1e6).toFixed(1)} MB\n`);
    let sent = 0;
    let shown = -1;
    const batches = [];
    for (const [i, visit] of visits.entries())
      batches.push(
        await sendVisit(client, visit, (bytes) => {
          sent += bytes;
          const percent = Math.floor((100 * sent) / total);
          if (percent === shown) return;
          shown = percent;
          if (process.stderr.isTTY || percent % 10 === 0) progress(sent, total, `${i + 1}/${visits.length}`);
        }),
      );
    process.stderr.write('\nsent; waiting until the members have attested it\n');
    mkdirSync(values.out, { recursive: true });
    let failed = 0;
    for (const batch of batches) {
      const { archiveId, state, refused } = await waitForEnd(client, batch);
      for (const { fileName, code, reason } of refused) console.log(`refused ${fileName}: ${code}: ${reason}`);
      failed += refused.length;
      if (state === 'parked' || state === 'withdrawn') console.log(state);
      if (state !== 'attested' && state !== 'duplicate') continue;
      const base = path.join(values.out, archiveId);
      writeFileSync(`${base}.receipt.json`, await client.download(`/api/v1/archives/${archiveId}/receipt`));
      writeFileSync(`${base}.ofd`, await client.download(`/api/v1/archives/${archiveId}/package`));
      console.log(`${state} ${archiveId}  npm run verify -- ${base}.receipt.json ${base}.ofd`);
    }
    return failed > 0 ? 1 : 0;
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    return 2;
  }
}

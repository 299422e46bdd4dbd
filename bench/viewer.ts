import { readFileSync } from 'node:fs';
import path from 'node:path';
import { ApiClient } from '../ops/ingest/client.ts';
import { scanFolder } from '../ops/ingest/scan-folder.ts';
import { sendVisit, waitForEnd } from '../ops/ingest/send.ts';
import { layout } from '../ops/launch/layout.ts';
import { makePage, makeVisits } from './archive.ts';
import { login } from './loans.ts';
import { withMember } from './member.ts';
import { report } from './report.ts';
import { quantile } from './statistics.ts';

const PAGES = 500;
const OPENED = 20;

/**
 * An archive of 500 pages under a loan, as a doctor's browser asks for it: its first page, from the click; then every page
 * after the other without waiting for what is fetched ahead, and as they are shown when it is there. `PAGES` makes it smaller.
 */
export async function bench([count = String(PAGES)]: readonly string[]): Promise<void> {
  await withMember(async ({ consortium, url, home, dir }) => {
    const key = Buffer.from(readFileSync(layout(home).member('yz1').scannerSecret, 'utf8').trim(), 'hex');
    const client = new ApiClient(url, { appId: 'scanner', algorithm: 'hmac-sha256', key });
    const pages = Number(count);
    const [visit] = await scanFolder(makeVisits(path.join(dir, 'visit'), await makePage(), 1, pages));
    const { archiveId } = await waitForEnd(client, await sendVisit(client, visit!));
    const { demoPassword } = consortium.made;
    const [doctor, clerk] = [await login(url, 'doctor', demoPassword), await login(url, 'clerk', demoPassword)];
    const wish = { purpose: 'treatment', reason: 'bench', days: 3, rights: ['view'], archives: [{ archiveId }] };
    const { results } = await doctor<{ results: { loanId: string }[] }>('POST', '/loans', wish);
    const loan = `/loans/${results[0]!.loanId}`;
    const { loan: row } = await clerk<{ loan: { task: { taskId: string } } }>('GET', loan);
    await clerk('POST', `${loan}/approve`, { taskId: row.task.taskId });
    await doctor('POST', `${loan}/start`, {});

    const base = `/archives/${archiveId}`;
    const timed = async (run: () => Promise<unknown>): Promise<number> => {
      const start = performance.now();
      await run();
      return performance.now() - start;
    };
    const opened: number[] = [];
    for (let i = 0; i < OPENED; i += 1)
      opened.push(
        await timed(async () => {
          await Promise.all([doctor('GET', base), doctor('GET', `${base}/timeline`), doctor('GET', `${base}/access`)]);
          await doctor.bytes(`${base}/pages/1?use=view`);
        }),
      );
    const first = `${OPENED} times: archive, timeline and right, then the page; median ${quantile(opened, 0.5).toFixed(0)} ms`;
    report({ bench: 'viewer', figure: 'viewer.first.p95', value: quantile(opened, 0.95), unit: 'ms', note: first });

    const next: number[] = [];
    for (let page = 2; page <= pages; page += 1)
      next.push(await timed(() => doctor.bytes(`${base}/pages/${page}?use=view`)));
    const cold = `each of ${pages} pages, none fetched ahead; median ${quantile(next, 0.5).toFixed(0)} ms`;
    report({ bench: 'viewer', figure: 'viewer.next.p95', value: quantile(next, 0.95), unit: 'ms', note: cold });
    const shown: number[] = [];
    for (let page = 2; page <= Math.min(pages, 100); page += 1)
      shown.push(await timed(() => doctor('POST', `${base}/pages/${page}/shown`, {})));
    const ahead = `fetched ahead: until the server lets it be shown; median ${quantile(shown, 0.5).toFixed(0)} ms`;
    report({ bench: 'viewer', figure: 'viewer.next.ahead.p95', value: quantile(shown, 0.95), unit: 'ms', note: ahead });
  });
}

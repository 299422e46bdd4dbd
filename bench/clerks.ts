import { readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ApiClient } from '../ops/ingest/client.ts';
import { scanFolder } from '../ops/ingest/scan-folder.ts';
import { sendVisit, waitForEnd } from '../ops/ingest/send.ts';
import { layout } from '../ops/launch/layout.ts';
import { makePage, makeVisits } from './archive.ts';
import { apply, login, makeArchives, type Person } from './loans.ts';
import { say, withMember } from './member.ts';
import { probe } from './probe.ts';
import { processorSeconds } from './process.ts';
import { report } from './report.ts';
import { quantile } from './statistics.ts';

const CLERKS = 200;
const SECONDS = 300;
/** Before anything is timed: what was just applied for is being attested, and code that has not run yet is slow. */
const WARM_UP_SECONDS = 60;
/** Between two clicks of one clerk, in the mean: reading, typing, thinking. */
const THINK_MS = 5000;
const ARCHIVES = 20_000;
const LOANS = 400;
const PAGES = 12;
const EACH = 30;
/** Sessions of one account. */
const ACCOUNTS = ['clerk', 'clerk2'];

/** What a clerk does at one click: the requests that the page makes for it, all at once. */
type Click = (clerk: { call: Person; loanId: string }) => Promise<unknown>[];

/**
 * 200 clerks at their mixed work for five minutes: queues, loans, claims, lists, searches, archives, pages. Each request is
 * timed; a click that the page would show as an error is one. `SECONDS CLERKS` makes it smaller.
 */
export async function bench([seconds = String(SECONDS), clerks = String(CLERKS)]: readonly string[]): Promise<void> {
  await withMember(async ({ consortium, url, home, mongo, dir }) => {
    const { demoPassword } = consortium.made;
    const key = Buffer.from(readFileSync(layout(home).member('yz1').scannerSecret, 'utf8').trim(), 'hex');
    const client = new ApiClient(url, { appId: 'scanner', algorithm: 'hmac-sha256', key });
    const [visit] = await scanFolder(makeVisits(path.join(dir, 'visit'), await makePage(), 1, PAGES));
    const { archiveId: scanned } = await waitForEnd(client, await sendVisit(client, visit!));
    const archiveIds = await makeArchives(mongo, ARCHIVES, 'c');
    const [doctor, medical] = [await login(url, 'doctor', demoPassword), await login(url, 'medical', demoPassword)];
    const { items } = await medical<{ items: { version: number; policy: object }[] }>('GET', '/loan-policies');
    const policy = { ...items[0]!.policy, quota: 100_000, directorAbove: 100_000 };
    await medical('POST', '/loan-policies', { from: items[0]!.version, policy, reason: 'bench' });
    const loanIds = await apply(doctor, archiveIds.slice(0, LOANS), (n) => say(`${n} loans`));
    const people: Person[] = [];
    for (let i = 0; i < Number(clerks); i += 1)
      people.push(await login(url, ACCOUNTS[i % ACCOUNTS.length]!, demoPassword));

    const any = <T>(all: readonly T[]): T => all[Math.floor(Math.random() * all.length)]!;
    const claimed = new Set<string>();
    const clicks: [share: number, name: string, Click][] = [
      [
        24,
        'workbench',
        ({ call }) => [call('GET', '/loans/counts'), call('GET', '/loans?view=tasks&sort=expire&limit=50')],
      ],
      [20, 'loan', ({ call }) => [call('GET', `/loans/${any(loanIds)}`)]],
      [
        8,
        'claim or release',
        ({ call, loanId }) => {
          const isHeld = claimed.delete(loanId);
          if (!isHeld) claimed.add(loanId);
          return [call('POST', `/loans/${loanId}/${isHeld ? 'release' : 'claim'}`, { taskId: 't1' })];
        },
      ],
      [8, 'loans', ({ call }) => [call('GET', `/loans?view=all&state=pendingReview&limit=50`)]],
      [
        6,
        'loan search',
        ({ call }) => [call('GET', `/loans?view=all&limit=50&q=c${Math.floor(Math.random() * LOANS)}`)],
      ],
      [10, 'archives', ({ call }) => [call('GET', '/archives?limit=50')]],
      [
        8,
        'archive search',
        ({ call }) => [call('GET', `/archives?limit=50&q=c${Math.floor(Math.random() * ARCHIVES)}`)],
      ],
      [
        8,
        'archive',
        ({ call }) => {
          const base = `/archives/${any([scanned, any(archiveIds)])}`;
          return [call('GET', base), call('GET', `${base}/timeline`), call('GET', `${base}/access`)];
        },
      ],
      [
        4,
        'page',
        ({ call }) => [call.bytes(`/archives/${scanned}/pages/${1 + Math.floor(Math.random() * PAGES)}?use=view`)],
      ],
      [4, 'notices', ({ call }) => [call('GET', '/notices'), call('GET', '/saved-filters?page=loans')]],
    ];
    const deck = clicks.flatMap((click) => Array.from({ length: click[0] }, () => click));
    const times = new Map<string, number[]>(clicks.map(([, name]) => [name, []]));
    let errors = 0;
    const parts = ['api-yz1', 'worker-yz1', 'mongod', 'temporal'].map(
      (name) => [name, consortium.parts.get(name)!.pid!] as const,
    );
    const processor = () => parts.map(([, pid]) => processorSeconds(pid));
    // What each costs, one after the other.
    for (const [, name, click] of clicks) {
      const before = processor();
      for (let i = 0; i < EACH; i += 1)
        await Promise.all(click({ call: people[i % people.length]!, loanId: loanIds[i % loanIds.length]! }));
      const cost = processor().map(
        (after, i) => `${parts[i]![0]} ${((1000 * (after - before[i]!)) / EACH).toFixed(1)}`,
      );
      say(`${name.padEnd(18)} a click: ${cost.join(', ')} ms of processor`);
    }
    const from = performance.now() + WARM_UP_SECONDS * 1000;
    const end = from + Number(seconds) * 1000;
    const work = async (call: Person, i: number) => {
      // They do not all begin at once; the wait between clicks is exponential, as independent people's is.
      for (let wait = Math.random() * THINK_MS; ; wait = -Math.log(1 - Math.random()) * THINK_MS) {
        if (performance.now() + wait > end) return;
        await delay(wait);
        const [, name, click] = any(deck);
        const began = performance.now();
        await Promise.all(
          click({ call, loanId: loanIds[i % loanIds.length]! }).map((one) =>
            one.then(
              () => {
                if (began >= from) times.get(name)!.push(performance.now() - began);
              },
              (error: unknown) => {
                errors += 1;
                if (errors <= 10) say(`${name}: ${String(error)}`);
              },
            ),
          ),
        );
      }
    };
    // A write that is on the disk, straight at the database.
    const written = mongo.db('sealfolio-yz1').collection('benchProbe');
    const beside = probe(() =>
      written.insertOne({ at: new Date() }, { writeConcern: { w: 'majority', journal: true } }),
    );
    const warm = delay(WARM_UP_SECONDS * 1000).then(processor);
    await Promise.all(people.map(work));
    const used = await warm;
    const bare = await beside.stop();
    for (const [name, list] of times)
      say(
        `${name.padEnd(18)} ${String(list.length).padStart(6)}: median ${quantile(list, 0.5).toFixed(0)} ms, p95 ${quantile(list, 0.95).toFixed(0)} ms`,
      );
    for (const [i, after] of processor().entries())
      say(`${parts[i]![0]}: ${(after - used[i]!).toFixed(1)} s of processor`);
    const all = [...times.values()].flat();
    const what = `${clerks} clerks for ${seconds} s, ${all.length} requests (${(all.length / Number(seconds)).toFixed(0)}/s), a click each ${THINK_MS / 1000} s, after ${WARM_UP_SECONDS} s of the same`;
    const load = `load of the machine ${os.loadavg()[0]!.toFixed(1)}, one write straight to the database beside it: p95 ${quantile(bare, 0.95).toFixed(0)} ms`;
    report({ bench: 'clerks', figure: 'clerks.errors', value: errors, unit: 'requests', note: what });
    report({
      bench: 'clerks',
      figure: 'clerks.p95',
      value: quantile(all, 0.95),
      unit: 'ms',
      note: `${what}; median ${quantile(all, 0.5).toFixed(0)} ms; ${load}`,
    });
  });
}

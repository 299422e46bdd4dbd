import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import sharp from 'sharp';
import type { TimelineStep } from '../domain/timeline.ts';
import { ApiClient } from '../ops/ingest/client.ts';
import { scanFolder } from '../ops/ingest/scan-folder.ts';
import { sendVisit, waitForEnd } from '../ops/ingest/send.ts';
import { layout } from '../ops/launch/layout.ts';
import { type Part } from '../ops/launch/part.ts';
import { say, withMember } from './member.ts';
import { processorSeconds } from './process.ts';
import { report } from './report.ts';
import { median, quantile } from './statistics.ts';

const EPISODES = 200;
const PAGES = 10;
const STATIONS = 4;
const PAGE_BYTES = 300_000;

/** A page of about 300 KB: noise under a JPEG's quantisation, as a grey scan of paper has. */
export async function makePage(): Promise<Buffer> {
  const [width, height] = [1240, 1754];
  const noise = randomBytes(width * height).map((byte) => 214 + (byte & 31));
  return sharp(noise, { raw: { width, height, channels: 1 } })
    .withMetadata({ density: 150 })
    .jpeg({ quality: 72 })
    .toBuffer();
}

/** The same picture in other bytes: a comment segment (ITU-T T.81 §B.2.4.5) after the start of image. */
function variant(page: Buffer, n: number): Buffer {
  const text = Buffer.from(String(n).padStart(12, '0'));
  return Buffer.concat([page.subarray(0, 2), Buffer.from([0xff, 0xfe, 0, text.length + 2]), text, page.subarray(2)]);
}

/** Folders of scans: visits of so many pages, each in bytes of its own. */
export function makeVisits(dir: string, page: Buffer, visits: number, pages: number): string {
  mkdirSync(dir);
  for (let i = 0; i < visits; i += 1) {
    const folder = path.join(dir, `${i}`);
    mkdirSync(folder);
    for (let n = 0; n < pages; n += 1)
      writeFileSync(path.join(folder, `${n + 1}.jpg`), variant(page, (visits * 1000 + i) * 1000 + n));
  }
  return dir;
}

/** Where an archive's time goes: seconds of each step, medians over the given archives. */
async function table(client: ApiClient, archiveIds: readonly string[]): Promise<string> {
  const seconds = new Map<string, number[]>();
  for (const id of archiveIds) {
    const { steps } = await client.call<{ steps: TimelineStep[] }>('GET', `/api/v1/archives/${id}/timeline`);
    const at = (name: string) => Date.parse(steps.find(({ step }) => step === name)?.at ?? '');
    const add = (name: string, ms: number) => seconds.set(name, [...(seconds.get(name) ?? []), ms / 1000]);
    for (const { step, at: from, endedAt } of steps)
      if (endedAt !== undefined) add(step, Date.parse(endedAt) - Date.parse(from));
    add('anchoring until the signal', at('attested') - at('requestAttestation'));
    add('all, in the workflow', at('completed') - at('started'));
  }
  return [...seconds].map(([name, values]) => `  ${name.padEnd(28)} ${median(values).toFixed(3)} s`).join('\n');
}

/** Processor seconds that each process of the consortium has used . */
function processorOf(parts: ReadonlyMap<string, Part>): Map<string, number> {
  const own = process.cpuUsage();
  return new Map([
    ['(the scan stations)', (own.user + own.system) / 1e6],
    ...[...parts].map(([name, part]): [string, number] => [name, processorSeconds(part.pid!)]),
  ]);
}

/** Pages of one archive, each asked for once, one after the other: as a person turns them. */
async function pagesOf(client: ApiClient, archiveId: string): Promise<void> {
  for (const [figure, size] of [
    ['archive.thumbnail', 'thumbnail'],
    ['archive.page', 'full'],
  ] as const) {
    const times: number[] = [];
    for (let page = 1; page <= 100; page += 1) {
      const start = performance.now();
      await client.download(`/api/v1/archives/${archiveId}/pages/${page}?size=${size}`);
      times.push(performance.now() - start);
    }
    report({
      bench: 'archive',
      figure,
      value: quantile(times, 0.95),
      unit: 'ms',
      note: 'p95 of 100 pages, none asked for before',
    });
  }
}

/** An episode of 100 pages from its last byte to its receipt; and 200 episodes of 10 pages, all in. */
export async function bench([episodes = String(EPISODES)]: readonly string[]): Promise<void> {
  await withMember(async ({ consortium, url, home, dir }) => {
    const key = Buffer.from(readFileSync(layout(home).member('yz1').scannerSecret, 'utf8').trim(), 'hex');
    const client = new ApiClient(url, { appId: 'scanner', algorithm: 'hmac-sha256', key });
    const page = await makePage();
    say(`a page has ${page.length} bytes (wanted ${PAGE_BYTES})`);

    const [warm] = await scanFolder(makeVisits(path.join(dir, 'warm'), page, 1, 2));
    await waitForEnd(client, await sendVisit(client, warm!));
    const times: number[] = [];
    let lastId = '';
    for (let round = 0; round < 3; round += 1) {
      const [visit] = await scanFolder(makeVisits(path.join(dir, `one${round}`), variant(page, 7e8 + round), 1, 100));
      let lastByte = 0;
      const batch = await sendVisit(client, visit!, () => {
        lastByte = performance.now();
      });
      const { archiveId } = await waitForEnd(client, batch);
      await client.download(`/api/v1/archives/${archiveId}/receipt`);
      lastId = archiveId;
      times.push((performance.now() - lastByte) / 1000);
      if (round === 2) say(`100 pages, where the time goes:\n${await table(client, [archiveId])}`);
    }
    const note = `last byte to receipt, pages of ${Math.round(page.length / 1000)} KB, median of 3`;
    report({ bench: 'archive', figure: 'archive.100pages', value: median(times), unit: 's', note });

    await pagesOf(client, lastId);

    const count = Number(episodes);
    const visits = await scanFolder(makeVisits(path.join(dir, 'many'), page, count, PAGES));
    const before = processorOf(consortium.parts);
    const started = performance.now();
    const waiting = [...visits];
    const archiveIds: string[] = [];
    const station = async () => {
      for (let visit = waiting.shift(); visit !== undefined; visit = waiting.shift())
        archiveIds.push((await sendVisit(client, visit)).archiveId);
    };
    await Promise.all(Array.from({ length: STATIONS }, station));
    const sent = (performance.now() - started) / 1000;
    for (;;) {
      const { items } = await client.call<{ items: unknown[] }>('GET', '/api/v1/archives?state=attested&limit=1');
      const batches = await client.call<{ items: unknown[] }>('GET', '/api/v1/batches?state=awaitingCatalog&limit=1');
      const checking = await client.call<{ items: unknown[] }>('GET', '/api/v1/batches?state=checking&limit=1');
      if (items.length > 0 && batches.items.length === 0 && checking.items.length === 0) break;
      await delay(200);
    }
    const all = (performance.now() - started) / 1000;
    say(`sent after ${sent.toFixed(1)} s, all attested after ${all.toFixed(1)} s; where the time goes:`);
    say(await table(client, archiveIds.slice(-50)));
    say('processor, in per cent of one core:');
    for (const [name, seconds] of processorOf(consortium.parts))
      say(`  ${name.padEnd(28)} ${((100 * (seconds - before.get(name)!)) / all).toFixed(0)}`);
    const rateNote = `${count} episodes of ${PAGES} pages, first request to last receipt`;
    report({ bench: 'archive', figure: 'archive.rate', value: count / all, unit: 'episodes/s', note: rateNote });
  });
}

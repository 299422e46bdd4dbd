import { readFileSync } from 'node:fs';
import { MongoClient } from 'mongodb';
import type { Page } from 'playwright-core';
import { zipEntries } from '../../platform/ofd/entries.ts';
import { pageName } from '../../platform/ofd/package.ts';
import { watermark } from '../../platform/ofd/watermark.ts';
import { BrowserWorld, holds } from '../fixtures/browser.ts';

/** A trace that cannot be written is told as an error of the server. */
const world = new BrowserWorld(/status of (4\d\d|500)/);
const DEMO_MEMBER = '云州市第一人民医院';
const PAGES = ['病案首页', '医嘱', '护理记录'];
let seed = 1700;
let count = 0;

beforeAll(() => world.start());
afterAll(() => world.stop());
afterEach(async () => expect(await world.close()).toEqual([]));

/** An archive of three pages that nobody has asked for. */
const archived = (patientName: string): Promise<string> =>
  world.archived({ patientNo: `YZ1970${(count += 1)}`, patientName, department: '心内科' }, PAGES, (seed += 10));

/** Lent to the doctor, and begun; gives the loan's id. */
async function lent(archiveId: string, rights: readonly string[]): Promise<string> {
  const [doctor, clerk] = await Promise.all([world.person('doctor'), world.person('clerk')]);
  const wish = { purpose: 'insurance', reason: '医保复核', days: 7, rights, archives: [{ archiveId }] };
  const { results } = await doctor.ok<{ results: { loanId: string }[] }>('post', '/loans', wish);
  const { loanId } = results[0]!;
  await clerk.ok('post', `/loans/${loanId}/approve`, { taskId: 't1' });
  await doctor.ok('post', `/loans/${loanId}/start`, {});
  return loanId;
}

/** The doctor's page with a page of the archive open. */
async function reading(archiveId: string): Promise<Page> {
  const page = await world.login('doctor');
  await page.goto(`${world.url}/archives/${archiveId}`);
  await page.waitForSelector('[data-test=page]');
  await holds(page, "(document.querySelector('[data-test=page]')?.naturalWidth ?? 0) > 0");
  return page;
}

interface Row {
  at: string;
  actor: { id: string };
  action: string;
  loanId?: string;
  details: { page?: number; isCopy?: boolean };
}
/** What the trace holds of a loan, the oldest first. */
async function traceOf(loanId: string, kind: string): Promise<Row[]> {
  const auditor = await world.person('auditor');
  return (await auditor.ok<{ items: Row[] }>('get', `/trace?loanId=${loanId}&kind=${kind}`)).items.reverse();
}

/** The images of a package of this system, in its order. */
async function imagesOf(ofd: Buffer): Promise<Buffer[]> {
  const entries = await zipEntries(ofd.length, async ({ start, end }) => ofd.subarray(start, end));
  return PAGES.map((_, i) => entries.get(pageName(i, 'JPEG'))!).map(({ start, end }) => ofd.subarray(start, end));
}
/** The archive's pages as they must leave it for paper: who took them, under which loan, and when, in their pixels. */
async function markedPages(archiveId: string, loanId: string, at: string): Promise<Buffer[]> {
  const minute = new Date(Date.parse(at) + 8 * 3_600_000).toISOString().slice(0, 16).replace('T', ' ');
  const lines = [`${DEMO_MEMBER} 周启明（doctor）`, `借阅 ${loanId}`, minute];
  const originals = await imagesOf(await world.raised.client.download(`/api/v1/archives/${archiveId}/package`));
  return Promise.all(originals.map((one) => watermark(one, lines, 'print')));
}

/** Keeps what the printer would get: a copy of what lies in the print area when the page calls for it. */
const KEEP_PRINTED = `
  URL.revokeObjectURL = () => {};
  window.print = () => {
    const sheets = document.querySelector('.print-area').cloneNode(true);
    sheets.dataset.test = 'printed';
    document.body.append(sheets);
  };`;

/** Why the api does not give it to whoever the page is logged in as. */
const refusalOf = (page: Page, path: string) =>
  page.evaluate<[number, string]>(
    `fetch('/api/v1/archives/${path}').then(async (one) => [one.status, (await one.json()).code])`,
  );

describe('with the right', () => {
  let archiveId: string;
  let loanId: string;
  beforeAll(async () => {
    archiveId = await archived('方若晴');
    loanId = await lent(archiveId, ['view', 'print', 'download']);
  });

  test('pages are printed: chosen, marked with who prints them, traced page by page, counted', async () => {
    const page = await reading(archiveId);
    await page.evaluate(KEEP_PRINTED);
    expect(await page.locator('text=已打印').count()).toBe(0);
    await page.click('[data-test=print]');
    const ask = (range: string) => page.fill('.el-message-box input', range);
    for (const range of ['第二页', '3-2', '0', '2-4']) {
      await ask(range);
      await page.click('.el-message-box__btns .el-button--primary');
      await page.waitForSelector('.el-message-box__errormsg:has-text("1 到 3")');
    }
    await ask('2-3');
    await page.keyboard.press('Enter');
    await page.waitForSelector('[data-test=printed]', { state: 'attached' });
    // The next page of the borrower says so at once.
    await page.waitForSelector('text=已打印 2 页');
    const rows = await traceOf(loanId, 'print');
    expect(rows).toMatchObject(
      [2, 3].map((number) => ({ actor: { id: 'doctor' }, loanId, details: { page: number } })),
    );

    // Of the screen nothing is printed, and of the pages those that were asked for, as they were marked.
    const paper = await page.pdf();
    expect(paper.toString('latin1').match(/\/Type \/Page\b/g)).toHaveLength(2);
    const [first] = await markedPages(archiveId, loanId, rows[0]!.at);
    expect(paper.includes(first!)).toBe(false);
    for (const [i, { at }] of rows.entries())
      expect(paper.includes((await markedPages(archiveId, loanId, at))[i + 1]!)).toBe(true);
  });

  test('a copy is taken away: marked on every page, without the original’s seal, traced', async () => {
    const page = await reading(archiveId);
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('text=下载 OFD')]);
    expect(download.suggestedFilename()).toBe(`${archiveId}-v1-copy.ofd`);
    const copy = readFileSync(await download.path());
    const [row, ...more] = await traceOf(loanId, 'download');
    expect([row, more]).toMatchObject([
      { actor: { id: 'doctor' }, action: 'archive.package', details: { isCopy: true } },
      [],
    ]);
    const marked = await markedPages(archiveId, loanId, row!.at);
    for (const [i, image] of (await imagesOf(copy)).entries()) expect([i, image.equals(marked[i]!)]).toEqual([i, true]);
    expect(copy.includes('Doc_0/Signs')).toBe(false);
  });

  test('what cannot be traced does not leave', async () => {
    const page = await reading(archiveId);
    await page.evaluate(KEEP_PRINTED);
    const { ports } = world.raised.consortium.made;
    const mongo = await MongoClient.connect(`mongodb://127.0.0.1:${ports.mongod}/?directConnection=true`);
    const taken = async () => (await Promise.all(['print', 'download'].map((kind) => traceOf(loanId, kind)))).flat();
    const before = await taken();
    const rowsAre = (validator: object) => mongo.db('sealfolio-yz1').command({ collMod: 'trace', validator });
    try {
      await rowsAre({ seq: { $lt: 0 } });
      await page.click('[data-test=print]');
      await page.keyboard.press('Enter');
      await page.waitForSelector('.el-message--error');
      for (const path of ['package', 'pages/1?use=print'])
        expect([path, ...(await refusalOf(page, `${archiveId}/${path}`))]).toEqual([path, 500, 'internal']);
    } finally {
      await rowsAre({});
      await mongo.close();
    }
    expect(await page.locator('[data-test=printed]').count()).toBe(0);
    expect(await taken()).toEqual(before);
  });
});

test('without the right there is no button, and the api gives nothing', async () => {
  const archiveId = await archived('韩子安');
  await lent(archiveId, ['view']);
  const page = await reading(archiveId);
  expect(await page.locator('[data-test=print]').count()).toBe(0);
  expect(await page.locator('text=下载 OFD').count()).toBe(0);
  for (const path of ['package', 'pages/1?use=print'])
    expect([path, ...(await refusalOf(page, `${archiveId}/${path}`))]).toEqual([path, 403, 'loan-right-missing']);
});

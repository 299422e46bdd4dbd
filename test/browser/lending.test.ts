import { readFileSync } from 'node:fs';
import { MongoClient } from 'mongodb';
import type { Page } from 'playwright-core';
import { zipEntries } from '../../platform/ofd/entries.ts';
import { pageName } from '../../platform/ofd/package.ts';
import { watermark } from '../../platform/ofd/watermark.ts';
import { BrowserWorld, holds, shot } from '../fixtures/browser.ts';
import { until } from '../fixtures/until.ts';

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

/** Types a reason, and confirms it by the button of this name. */
async function because(page: Page, reason: string, button: string): Promise<void> {
  await page.click(`.el-message-box button:has-text("${button}")`);
  // Without a reason nothing is done.
  await page.waitForSelector('.el-message-box__errormsg');
  await page.fill('.el-message-box input', reason);
  await page.click(`.el-message-box button:has-text("${button}")`);
}

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
    const mongo = await MongoClient.connect(world.raised.mongoUri);
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

test('a reviewer who is away names a deputy, who decides in their name, but nothing of the deputy’s own; until it is ended', async () => {
  const [ofHead, own, later] = [await archived('沈立夏'), await archived('陆明远'), await archived('白思齐')];
  const [head, asDoctor] = await Promise.all([world.person('head'), world.person('doctor')]);
  const apply = async (person: typeof head, archiveId: string) => {
    const wish = { purpose: 'treatment', reason: '会诊', days: 7, rights: ['view'], archives: [{ archiveId }] };
    return (await person.ok<{ results: { loanId: string }[] }>('post', '/loans', wish)).results[0]!.loanId;
  };
  const decide = (loanId: string) => asDoctor.refusal('post', `/loans/${loanId}/approve`, { taskId: 't1' });
  const [loanId, ownId] = [await apply(head, ofHead), await apply(asDoctor, own)];

  const clerk = await world.login('clerk');
  await clerk.goto(`${world.url}/account`);
  const nameDeputy = clerk.locator('form', { hasText: '指定代理' });
  await nameDeputy.locator('.el-select').click();
  await clerk.click('.el-select-dropdown__item:visible:has-text("周启明")');
  const shanghai = (hours: number) => new Date(Date.now() + (8 + hours) * 3_600_000).toISOString().slice(0, 16);
  await nameDeputy.locator('label:has-text("开始") input').fill(shanghai(-1));
  await nameDeputy.locator('label:has-text("结束") input').fill(shanghai(24));
  await nameDeputy.locator('input[aria-label="事由"]').fill('外出学习');
  await nameDeputy.locator('button').click();
  await clerk.waitForSelector('tr:has-text("周启明") >> text=代理中');
  await shot(clerk, 'deputy');

  const doctor = await world.login('doctor');
  await doctor.click('tr:has-text("沈立夏")');
  // What waits for the clerk is the deputy's; what the deputy asked for is not.
  expect(await doctor.locator('.queue tr:has-text("陆明远")').count()).toBe(0);
  await doctor.waitForSelector('.decision >> text=代 林晓岚');
  await doctor.click('[data-test=approve]');
  await doctor.click('[data-test=decide]');
  await until(
    async () => (await head.ok<{ loan: { state: string } }>('get', `/loans/${loanId}`)).loan.state === 'approved',
  );
  await doctor.goto(`${world.url}/loans/${loanId}`);
  await doctor.waitForSelector('.timeline >> text=（代 林晓岚）');
  await doctor.goto(`${world.url}/loans/${ownId}`);
  await doctor.waitForSelector('.decision >> text=这是您自己的申请');
  expect(await doctor.locator('[data-test=approve]').count()).toBe(0);
  expect(await decide(ownId)).toBe('loan-own-application');

  await clerk.click('tr:has-text("周启明") button:has-text("结束代理")');
  await clerk.waitForSelector('tr:has-text("周启明") >> text=已结束');
  expect(await decide(await apply(head, later))).toBe('loan-not-found');
});

test('the records room recalls a loan by force: with a reason, which the borrower reads; the open pages close', async () => {
  const archiveId = await archived('秦知远');
  const loanId = await lent(archiveId, ['view']);
  const doctor = await reading(archiveId);
  const clerk = await world.login('clerk');
  await clerk.goto(`${world.url}/loans?view=all&state=onLoan`);
  await clerk.click('tr:has-text("秦知远")');
  await clerk.click('[data-test=recall]');
  await because(clerk, '查出冒用账号', '收回');
  await doctor.waitForSelector('[data-test=page]', { state: 'detached' });
  await doctor.waitForSelector('[data-test=no-access] >> text=借阅已结束');
  expect(await refusalOf(doctor, `${archiveId}/pages/1`)).toEqual([403, 'loan-needed']);
  await doctor.click('.bell');
  await doctor.click('.el-popover >> text=查出冒用账号');
  await doctor.waitForURL(`**/loans/${loanId}`);
  await doctor.waitForSelector('.title-line >> text=已收回');
  expect(await doctor.locator('.timeline').innerText()).toMatch(/收回[\s\S]*林晓岚[\s\S]*查出冒用账号/);
});

test('封存 takes back what is lent, and lends nothing; released, it is lent again', async () => {
  const archiveId = await archived('施雨眠');
  const loanId = await lent(archiveId, ['view']);
  const doctor = await reading(archiveId);
  const medical = await world.login('medical');
  await medical.goto(`${world.url}/archives/${archiveId}`);
  await medical.click('[data-test=hold]');
  await because(medical, '医疗纠纷，双方在场封存', '封存');
  await medical.waitForSelector('.title-line >> text=已封存');
  // The borrower's page closes, and says why; there is nothing to apply for.
  await doctor.waitForSelector('[data-test=page]', { state: 'detached' });
  await doctor.waitForSelector('[data-test=no-access] >> text=病案已封存');
  await doctor.waitForSelector('.title-line >> text=已封存');
  expect(await doctor.locator('[data-test=no-access] a').count()).toBe(0);
  expect(await refusalOf(doctor, `${archiveId}/pages/1`)).toEqual([423, 'archive-held']);
  await doctor.goto(`${world.url}/loans/${loanId}`);
  await doctor.waitForSelector('.title-line >> text=已收回');

  const apply = async () => {
    await doctor.goto(`${world.url}/loans/apply?archives=${archiveId}`);
    await doctor.click('.el-radio-button:has-text("诊疗")');
    await doctor.fill('#reason', '复诊');
    await doctor.click('[data-test=apply]');
    await doctor.waitForSelector('[data-test=results] li');
    return doctor.locator('[data-test=results]').innerText();
  };
  expect(await apply()).toContain('封存');
  await medical.click('[data-test=hold-release]');
  await because(medical, '纠纷已结', '解除封存');
  await medical.waitForSelector('[data-test=hold]');
  expect(await apply()).toContain('1 份已提交');
});

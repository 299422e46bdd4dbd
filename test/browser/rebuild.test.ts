import { MongoClient } from 'mongodb';
import type { Page } from 'playwright-core';
import { barcodePage } from '../fixtures/barcodes.ts';
import { axe, BrowserWorld, DESK, expectSound, shot } from '../fixtures/browser.ts';

const world = new BrowserWorld();
let seed = 9000;
/** A sheet whose forms’ barcodes say `codes`; its name says what who scanned it took it for. */
const form = async (name: string, ...codes: string[]) => ({
  name,
  data: await barcodePage(
    codes.map((text) => ({ format: 'Code128' as const, text })),
    { seed: (seed += 1), format: 'jpeg' },
  ),
});
/** Pages by their numbers: 1 front page, 2 orders that are a lab report, 3 of two forms at once, 4 of none. */
const sheets = async () => [
  await form('病案首页', 'MR-01'),
  await form('长期医嘱', 'MR-07'),
  await form('杂项', 'MR-06', 'MR-09'),
  await form('杂项二'),
];
const ids: Record<string, string> = {};

beforeAll(async () => {
  await world.start();
  for (const [patientNo, patientName, department] of [
    ['YZ193001', '样例甲', '重建科'],
    ['YZ193002', '样例乙', '重建科'],
    ['YZ193003', '样例丙', '编目科'],
  ] as const)
    ids[patientName] = await world.archived({ patientNo, patientName, department }, await sheets(), (seed += 100));
});
afterAll(() => world.stop());
afterEach(async () => expect(await world.close()).toEqual([]));

/** Is sound, with nothing under the mouse; its picture at a desk; goes on there. */
async function isSound(page: Page, name: string): Promise<void> {
  await page.mouse.move(0, 0);
  await expectSound(page, {
    look: ({ width, theme }) => (width === DESK.width && theme === 'light' ? shot(page, name) : undefined),
  });
  await page.evaluate("document.documentElement.classList.remove('dark')");
  await page.setViewportSize(DESK);
}
const gone = (page: Page) => page.waitForSelector('.el-message', { state: 'detached' });

test('a range: tried dry, the report read, rebuilt; what is doubtful is in the queue; the timeline in Chinese', async () => {
  const page = await world.login('clerk');
  await page.goto(`${world.url}/catalog-queue`);
  await page.waitForSelector('[data-test=queue] >> text=没有待确认的页面');
  await page.click('a:has-text("目录重建") >> nth=-1');
  await page.waitForSelector('text=还没有任务');
  // Nothing said yet: each fault under its field, and nothing is started.
  await page.click('[data-test=rebuild-start]');
  await page.waitForSelector('[role=alert] >> text=请至少给出一个范围条件');
  await isSound(page, 'rebuild-empty');
  await page.fill('[data-test=rebuild-department]', '重建科');
  await page.fill('#rebuild-reason', '换用新表单后归类');
  await page.click('[data-test=rebuild-start]');
  const report = page.locator('[data-test=report]');
  await report.locator('[data-test=rebuild-state] >> text=已完成').waitFor();
  await report.locator('text=将重建 2 · 无需修改 0 · 将跳过 0 · 失败 0').waitFor();
  expect(await report.locator('text=医嘱 → 检验报告（99%）').count()).toBe(2);
  expect(await report.locator('td .changed').allInnerTexts()).toEqual(['将重建', '将重建']);
  await gone(page);
  await isSound(page, 'rebuild-dry');
  // Nothing was done yet.
  await page.goto(`${world.url}/archives/${ids['样例甲']}/catalog`);
  await page.waitForSelector('.title-line >> text=1.0');
  await page.goBack();
  await page.click('[data-test=apply-range]');
  await page.fill('.el-message-box input', '归类');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.el-message-box', { state: 'hidden' });
  await report.locator('[data-test=rebuild-state] >> text=已完成').waitFor();
  await report.locator('text=重建 2 · 无需修改 0 · 跳过 0 · 失败 0').waitFor();
  await report.locator('text=1.1').first().waitFor();
  await page.click('button:has-text("流程时间线")');
  await page.waitForSelector('.el-drawer >> text=识别页面并重建一份目录');
  await page.waitForSelector('.el-drawer >> text=目录重建');
  await gone(page);
  await shot(page, 'rebuild-timeline');
  await page.keyboard.press('Escape');
  await page.goto(`${world.url}/catalog-queue`);
  await page.waitForSelector('[data-test=queue] tbody tr:nth-child(2)');
  expect(await page.locator('[data-test=queue] tbody tr').allInnerTexts()).toEqual([
    expect.stringMatching(/样例[甲乙][\s\S]*2 页[\s\S]*0%/),
    expect.stringMatching(/样例[甲乙][\s\S]*2 页[\s\S]*0%/),
  ]);
  await isSound(page, 'catalog-queue');
  // Narrowed by what is in the address.
  await page.goto(`${world.url}/catalog-queue?department=%E7%BC%96%E7%9B%AE%E7%A7%91&order=lowest`);
  await page.waitForSelector('text=没有符合条件的病案');
  await page.click('button:has-text("清除条件")');
  await page.waitForSelector('[data-test=queue] tbody tr:nth-child(2)');
  await page.click('[data-test=queue] tbody tr:has-text("样例甲") a');
  await page.waitForSelector('[data-test=suggestions] >> text=待确认页面（2）');
});

test('at the desk, by keyboard: looked at, accepted, left, saved; an ordinary edit', async () => {
  const page = await world.login('clerk2');
  await page.goto(`${world.url}/archives/${ids['样例丙']}/catalog`);
  await page.waitForSelector('[data-test=suggestions] >> text=还没有识别过');
  await page.waitForSelector('.desk .cell');
  await page.focus('[data-test=look]');
  await page.keyboard.press('Enter');
  await page.waitForSelector('[data-test=suggestions] >> text=待确认页面（3）');
  await page.waitForSelector('[data-page="2"] >> text=表单代码 MR-07');
  await page.waitForSelector('[data-page="4"] >> text=无法判断类型');
  await gone(page);
  await isSound(page, 'catalog-suggestions');
  // In the dark a link is of the colour of links: axe says nothing of text that is as dark as what is behind it.
  await page.evaluate("document.documentElement.classList.add('dark')");
  expect(await axe(page)).toEqual([]);
  const [named, link] = (await page.evaluate(
    "['.page', '.is-link'].map((of) => getComputedStyle(document.querySelector(`[data-page] ${of}`)).color)",
  )) as [string, string];
  expect(link).toBe(named);
  await page.evaluate("document.documentElement.classList.remove('dark')");
  await page.focus('#cell-1');
  await page.keyboard.press('j');
  await page.waitForSelector('#cell-2:focus');
  await page.waitForSelector('[data-page="2"].here');
  await page.keyboard.press('a');
  await page.waitForSelector('[data-test=suggestions] >> text=待确认页面（2）');
  // The only page of its branch: the branch becomes another.
  await page.waitForSelector('aside >> text=改为“检验报告');
  await page.keyboard.press('Control+z');
  await page.waitForSelector('[data-test=suggestions] >> text=待确认页面（3）');
  // All that are sure: of two forms at once neither is.
  await page.keyboard.press('Shift+A');
  await page.waitForSelector('[data-test=suggestions] >> text=待确认页面（2）');
  await page.waitForSelector('[data-test=accept-all]', { state: 'detached' });
  await page.keyboard.press('j');
  await page.waitForSelector('#cell-3:focus');
  await page.keyboard.press('k');
  await page.waitForSelector('[data-test=suggestions] >> text=待确认页面（1）');
  await page.waitForSelector('[data-page="3"]', { state: 'detached' });
  await page.keyboard.press('Control+s');
  await page.waitForSelector('.el-message-box');
  await page.fill('.el-message-box input', '采纳建议');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.title-line >> text=1.1');
  await page.waitForSelector('[data-test=suggestions] >> text=待确认页面（1）');
  await page.click('[data-test=edits-open]');
  await page.waitForSelector('[data-test=edits] li:first-child >> text=采纳建议');
});

test('a page of another patient: in the queue, at the desk, at the archive and in the list, until someone leaves it', async () => {
  const patient = { patientNo: 'YZ193004', patientName: '样例丁', department: '标签科' };
  const pages = [await form('病案首页', 'MR-01'), await form('检验报告', 'MR-07', 'PAT/YZ999999/1')];
  const id = await world.archived(patient, pages, (seed += 100));
  const page = await world.login('clerk');
  await page.goto(`${world.url}/archives/${id}/catalog`);
  await page.click('[data-test=look]');
  await page.waitForSelector('[data-test=suggestions] >> text=待确认页面（1）');
  const foreign = page.locator('[data-page="2"]');
  await foreign.locator('text=疑为他人或他次住院的页').waitFor();
  // It is where its kind belongs: nothing is to be accepted.
  expect(await foreign.locator('button').allInnerTexts()).toEqual(['第 2 页', '保留原处']);
  expect(await page.content()).not.toContain('YZ999999');
  await gone(page);
  await isSound(page, 'catalog-foreign');
  await page.goto(`${world.url}/catalog-queue?department=${encodeURIComponent('标签科')}`);
  await page.waitForSelector('[data-test=queue] >> text=其中 1 页疑为他人或他次住院');
  await isSound(page, 'catalog-queue-foreign');
  await page.goto(`${world.url}/archives/${id}`);
  await page.waitForSelector('[data-test=completeness] >> text=1 页疑为他人或他次住院的页');
  await page.goto(`${world.url}/archives?department=${encodeURIComponent('标签科')}`);
  await page.waitForSelector('tbody tr >> text=存疑');
  await isSound(page, 'archives-completeness');
  await page.click('[data-test=completeness]');
  await page.click('.el-select-dropdown__item:visible >> text=缺失');
  await page.waitForSelector('text=没有符合条件的档案');
  await page.goto(`${world.url}/archives?completeness=doubtful&department=${encodeURIComponent('标签科')}`);
  await page.waitForSelector('tbody tr >> text=样例丁');
  await page.goto(`${world.url}/archives/${id}/catalog`);
  await page.click('[data-page="2"] >> text=保留原处');
  await page.waitForSelector('[data-test=suggestions] >> text=没有待确认的页面');
  await page.goto(`${world.url}/archives?department=${encodeURIComponent('标签科')}`);
  await page.waitForSelector('tbody tr >> text=完整');
});

test('templates: read by the records room, published by 医务科; each fault at its field', async () => {
  const clerk = await world.login('clerk');
  await clerk.goto(`${world.url}/catalog-templates`);
  await clerk.waitForSelector('details[open] >> text=MR-07');
  expect(await clerk.locator('[data-test=template-add]').count()).toBe(0);
  const page = await world.login('medical');
  await page.goto(`${world.url}/catalog-templates`);
  await page.click('[data-test=template-add]');
  await page.fill('#template-body-branches-0-zh', '');
  await page.fill('#template-body-branches-3-formCodes', 'MR-07');
  await page.fill('#template-body-acceptFrom', '20');
  await page.click('[data-test=template-publish]');
  await page.waitForSelector('[role=alert] >> text=有 6 处需要修改');
  for (const [field, fault] of [
    ['branches-0-zh', '必填'],
    ['branches-3-formCodes', '与其他类型重复'],
    ['branches-6-formCodes', '与其他类型重复'],
    ['acceptFrom', '填 50 到 100'],
    ['effectiveFrom', '填日期'],
    ['reason', '必填'],
  ])
    expect([field, await page.innerText(`#template-body-${field}-fault`)]).toEqual([field, fault]);
  await isSound(page, 'template-form');
  await page.fill('#template-body-branches-0-zh', '住院病案首页');
  await page.fill('#template-body-branches-3-formCodes', 'MR-04，YZ-ORD');
  await page.fill('#template-body-acceptFrom', '90');
  await page.fill('#template-body-effectiveFrom', '2999-01-01');
  await page.fill('#template-body-reason', '新版表单');
  await page.click('[data-test=template-publish]');
  await page.waitForSelector('details[open] >> text=第 2 版');
  await page.waitForSelector('details[open] >> text=YZ-ORD');
  await page.waitForSelector('details[open] >> text=90%');
  await page.waitForSelector('details:has-text("第 1 版") >> text=现行');
  await gone(page);
  await isSound(page, 'templates');
});

describe('a job over seven archives, which stands at the fourth', () => {
  let mongo: MongoClient;
  let fourth: string;
  beforeAll(async () => {
    const sheet = await form('病案首页', 'MR-01');
    const visits = Array.from({ length: 7 }, (_, i) => ({
      ...{ patientNo: `YZ19301${i}`, patientName: `样例${i}`, department: '停顿科' },
    }));
    await Promise.all(visits.map((visit) => world.archived(visit, [sheet], (seed += 100))));
    mongo = await MongoClient.connect(world.raised.mongoUri);
    // A job goes through a range in this order, three at once.
    const order = { dischargedAt: 1, _id: 1 } as const;
    const rows = await db().collection('archives').find({ department: '停顿科' }).sort(order).toArray();
    fourth = rows[3]!.archiveId as string;
  });
  afterAll(() => mongo.close());
  const db = () => mongo.db('sealfolio-yz1');

  /** Keeps what is suggested for the fourth from being written; gives what lets it be. */
  async function standing(): Promise<() => Promise<void>> {
    const session = mongo.startSession();
    session.startTransaction();
    const held = { $set: { held: true } };
    await db().collection('catalogSuggestions').updateOne({ archiveId: fourth }, held, { session, upsert: true });
    return async () => {
      await session.abortTransaction();
      await session.endSession();
    };
  }
  /** Starts it in the page, and waits until it stands. */
  async function begin(page: Page): Promise<void> {
    await page.goto(`${world.url}/catalog-rebuilds`);
    await page.check('input[value=apply]');
    await page.fill('[data-test=rebuild-department]', '停顿科');
    await page.fill('#rebuild-reason', '换用新表单');
    await page.click('[data-test=rebuild-start]');
    await stands(page, '进行中', 5);
  }
  /** The report says so, in words, numbers and by its bar. */
  async function stands(page: Page, state: string, done: number): Promise<void> {
    await page.waitForSelector(`[data-test=rebuild-state] >> text=${state}`);
    await page.waitForSelector(`[data-test=report] >> text=${done} / 7 份`);
    const percent = await page.getAttribute('[data-test=report] [role=progressbar]', 'aria-valuenow');
    expect(percent).toBe(`${Math.round((100 * done) / 7)}`);
  }
  async function act(page: Page, what: 'pause' | 'resume' | 'cancel'): Promise<void> {
    await page.click(`[data-test=${what}]`);
    await page.keyboard.press('Enter');
    await page.waitForSelector('.el-message-box__errormsg');
    await page.fill('.el-message-box input', '先处理急件');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.el-message-box', { state: 'hidden' });
  }
  const buttons = (page: Page) =>
    page
      .locator('[data-test=report] [data-test]:is(button)')
      .evaluateAll((all) => all.map((one) => (one as unknown as { dataset: { test: string } }).dataset.test));

  test('paused, it does those it is at and no more; found again, it goes on from there', async () => {
    const page = await world.login('clerk');
    const release = await standing();
    await begin(page);
    await act(page, 'pause');
    await release();
    await stands(page, '已暂停', 6);
    expect(await buttons(page)).toEqual(['resume', 'cancel']);
    await gone(page);
    await isSound(page, 'rebuild-paused');
    await page.goto(`${world.url}/catalog-rebuilds`);
    await page.click('[data-test=rebuilds] tr:has-text("已暂停") a');
    await stands(page, '已暂停', 6);
    await act(page, 'resume');
    await stands(page, '已完成', 7);
    expect(await buttons(page)).toEqual([]);
  });

  test('cancelled, what is done stays, and the rest is left', async () => {
    const page = await world.login('clerk');
    const release = await standing();
    try {
      await begin(page);
      await act(page, 'cancel');
      await stands(page, '已取消', 5);
      expect(await buttons(page)).toEqual([]);
    } finally {
      await release();
    }
  });
});

import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { BrowserWorld, DESK, expectSound, holds, shot } from '../fixtures/browser.ts';

/** Every text that a person can type is tried as a script. */
const EVIL = '<img src=x onerror="document.title=\'XSS\'"><script>document.title="XSS"</script>{{7*7}}';
const NAMES = ['方若晴', '韩子安', '沈立夏', '陆明远', '白思齐', '秦知远', '施雨眠', '江望舒', '顾清和', '温以宁'];
const world = new BrowserWorld();
const archiveIds: string[] = [];

beforeAll(async () => {
  await world.start();
  for (const [i, patientName] of NAMES.entries()) {
    const visit = { patientNo: `YZ19100${i}`, patientName, department: '心内科' };
    archiveIds.push(await world.archived(visit, ['病案首页', '医嘱'], 300 + 10 * i));
  }
});
afterAll(() => world.stop());
afterEach(async () => expect(await world.close()).toEqual([]));

/** Waits until the queue has exactly this many rows (at least one). */
async function rowsAre(page: Page, count: number): Promise<void> {
  await page.waitForSelector(`.queue tbody:not(:has(tr:nth-child(${count + 1}))) tr:nth-child(${count})`);
}
/** Waits until the viewer shows a page. */
async function pageShown(page: Page): Promise<void> {
  await page.waitForSelector('[data-test=page]');
  await holds(page, "(document.querySelector('[data-test=page]')?.naturalWidth ?? 0) > 0");
}

/** What is open meets WCAG 2 AA by axe and fits a phone; then it is as it was. */
async function sound(page: Page, name: string): Promise<void> {
  await shot(page, name);
  await expectSound(page, { readAt: [DESK] });
  await shot(page, `phone-${name}`);
  await page.setViewportSize(DESK);
  await page.evaluate("document.documentElement.classList.remove('dark')");
}

/** Applies for these archives from the list, as a doctor does. */
async function apply(page: Page, names: readonly string[], reason: string, purpose = '诊疗'): Promise<void> {
  await page.click('nav >> text=档案');
  for (const name of names) await page.click(`tr:has-text("${name}") .el-checkbox`);
  await page.click('[data-test=borrow]');
  await page.click(`.el-radio-button:has-text("${purpose}")`);
  await page.fill('#reason', reason);
  await page.click('[data-test=apply]');
  await page.waitForSelector('[data-test=results]');
  expect(await page.locator('[data-test=results] .refusal').allInnerTexts()).toEqual([]);
}

test('the day of a doctor and of a clerk: applied for, reviewed by keyboard, read page by page, renewed, returned', async () => {
  const doctor = await world.login('doctor');
  await doctor.goto(`${world.url}/archives/${archiveIds[0]}`);
  await doctor.waitForSelector('[data-test=no-access] >> text=查看内容须先借阅');
  await shot(doctor, 'doctor-no-access');
  await apply(doctor, ['方若晴', '韩子安', '沈立夏'], '门诊复诊，对照上次住院用药');
  expect(await doctor.locator('[data-test=results] li').count()).toBe(3);
  await shot(doctor, 'doctor-applied');

  const clerk = await world.login('clerk');
  await clerk.waitForSelector('tr:has-text("沈立夏")');
  await shot(clerk, 'workbench');
  await rowsAre(clerk, 3);
  await clerk.keyboard.press('?');
  await clerk.waitForSelector('.el-dialog >> text=批准');
  await shot(clerk, 'keys');
  await clerk.keyboard.press('Escape');
  await clerk.waitForSelector('.el-dialog', { state: 'hidden' });
  // a opens the row one is at, Enter on the button approves; the next row takes its place.
  await clerk.keyboard.press('a');
  await clerk.fill('#conditions', '不得外传');
  await shot(clerk, 'review');
  await clerk.keyboard.press('Enter');
  await rowsAre(clerk, 2);
  await clerk.keyboard.press('j');
  await clerk.keyboard.press('k');
  await clerk.keyboard.press('r');
  await clerk.fill('#decision-reason', '非本科患者');
  await clerk.click('[data-test=decide]');
  await rowsAre(clerk, 1);
  await clerk.keyboard.press('e');
  await clerk.fill('#decision-reason', '请写明本次复诊日期');
  await clerk.click('[data-test=decide]');
  await clerk.waitForSelector('text=没有待您审核的申请');
  await shot(clerk, 'workbench-empty');

  // What the clerk did is at the doctor's without asking: the bell counts.
  await doctor.click('nav >> text=借阅');
  await doctor.waitForSelector('.bell .el-badge__content >> text=3');
  await doctor.click('.bell');
  await doctor.waitForSelector('text=借阅申请被退回修改');
  await shot(doctor, 'notices');
  await doctor.keyboard.press('Escape');
  await doctor.click('tr:has-text("已批准")');
  await doctor.click('[data-test=start]');
  await doctor.waitForSelector('.side >> text=借阅中');
  await shot(doctor, 'my-loans');
  await doctor.click('.side a:has-text("打开病案")');
  await doctor.waitForSelector('[data-test=under-loan]');
  await pageShown(doctor);
  await shot(doctor, 'reading');
  await doctor.click('[data-test=under-loan] a');
  await doctor.click('[data-test=renew]');
  await doctor.fill('#renew-reason', '尚未写完');
  await doctor.click('[data-test=renew-send]');
  await doctor.waitForSelector('.title-line >> text=续借审核中');

  await clerk.waitForSelector('tbody tr:has-text("续借审核中")');
  await clerk.keyboard.press('a');
  await clerk.click('[data-test=decide]');
  await doctor.waitForSelector('.title-line >> text=借阅中');
  await doctor.waitForSelector('.timeline >> text=批准续借');
  await shot(doctor, 'loan-detail');
  await doctor.click('[data-test=return]');
  await doctor.click('.el-message-box button:has-text("归还")');
  await doctor.waitForSelector('.title-line >> text=已归还');
});

test('an open viewer loses its pages at once when the loan is recalled', async () => {
  const doctor = await world.login('doctor');
  await apply(doctor, ['陆明远'], '会诊');
  const clerk = await world.login('clerk');
  await clerk.click('tr:has-text("陆明远")');
  await clerk.click('[data-test=approve]');
  await clerk.click('[data-test=decide]');
  await doctor.goto(`${world.url}/loans?view=mine`);
  await doctor.click('tr:has-text("陆明远")');
  await doctor.click('[data-test=start]');
  await doctor.click('.side a:has-text("打开病案")');
  await pageShown(doctor);
  const medical = await world.login('medical');
  await medical.goto(`${world.url}/archives/${archiveIds[3]}`);
  await medical.click('[data-test=hold]');
  await medical.fill('.el-message-box input', '医疗纠纷，双方在场封存');
  await shot(medical, 'hold');
  const began = Date.now();
  await medical.click('.el-message-box button:has-text("封存")');
  await doctor.waitForSelector('[data-test=page]', { state: 'detached' });
  await doctor.waitForSelector('[data-test=no-access]');
  // A bound of A4 (60 s), not a measure.
  expect(Date.now() - began).toBeLessThan(60_000);
  await shot(doctor, 'reading-ended');
});

test('the day of 医务科: a dispute passes the records room first; two at one task, the second sees who won; the policy', async () => {
  const doctor = await world.login('doctor');
  await apply(doctor, ['白思齐'], EVIL, '纠纷');
  const [clerk, clerk2, medical] = [
    await world.login('clerk'),
    await world.login('clerk2'),
    await world.login('medical'),
  ];
  for (const page of [clerk, clerk2]) {
    await page.click('tr:has-text("白思齐")');
    await page.click('[data-test=approve]');
    await page.waitForSelector('#decide');
  }
  await clerk.route('**/api/v1/events', (route) => route.abort());
  await clerk2.fill('#conditions', EVIL);
  // The first one's page is told of the second's decision; this one decides before it has heard.
  await Promise.all([clerk.click('#decide'), clerk2.click('#decide')]);
  await medical.waitForSelector('tr:has-text("白思齐")');
  await medical.click('tr:has-text("白思齐")');
  await medical.waitForSelector('text=病案管理员已通过');
  await shot(medical, 'medical-review');
  await medical.click('[data-test=approve]');
  await medical.click('[data-test=decide]');
  await medical.waitForSelector('text=没有待您审核的申请');

  await medical.goto(`${world.url}/loan-policy`);
  await medical.waitForSelector('text=暂定，待公布');
  await medical.click('[data-test=change-policy]');
  await medical.fill('#renewal-times', '2');
  await medical.getByLabel('抢救：多少分钟提醒').fill('12');
  await medical.click('.el-select:has([aria-label="借出病案室 到期时"])');
  await medical.click('.el-select-dropdown__item:has-text("到期自动归还"):visible');
  await sound(medical, 'policy-editor');
  await medical.fill('#policy-reason', EVIL);
  await medical.click('[data-test=publish-policy]');
  await medical.waitForSelector('button:has-text("第 2 版")');
  const shown = await medical.locator('.panel dl').innerText();
  for (const changed of ['12 / 20 / 120', '3 个工作日，到期自动归还']) expect(shown).toContain(changed);
  await shot(medical, 'policy');
});

test('many at once: all rows of the filter, a result for each, found again among the jobs', async () => {
  const doctor = await world.login('doctor');
  // Archives that nobody asked for yet: of those before, one was sent back, and is the doctor's still.
  await apply(doctor, ['秦知远', '施雨眠'], '质控抽查', '质控');
  const clerk = await world.login('clerk');
  // Each loan reaches the queue by itself, in either order.
  await rowsAre(clerk, 2);
  await clerk.click('.queue thead .el-checkbox');
  await shot(clerk, 'bulk');
  await clerk.click('[data-test=bulk-approve]');
  await clerk.click('.el-message-box button:has-text("批准")');
  await clerk.waitForSelector('[data-test=job-total]:has-text("2 / 2")');
  // None failed: all of them are shown, each with its result.
  await clerk.waitForSelector('[data-test=job-rows] li:nth-child(2)');
  expect(await clerk.locator('[data-test=job-rows] li .done').allInnerTexts()).toEqual(['完成', '完成']);
  await shot(clerk, 'jobs');
  await sound(clerk, 'job-rows');
  await clerk.click('[data-test=job-rows] .el-radio-button:has-text("失败")');
  await clerk.waitForSelector('[data-test=job-rows] >> text=没有失败的');
  await clerk.goto(`${world.url}/loans?view=all`);
  await clerk.click('.rates summary');
  await clerk.waitForSelector('.rates tbody tr');
  await clerk.fill('.rates label:has-text("启用从") input', '2026-01-02');
  await clerk.fill('.rates label:has-text("到") input', '2026-01-01');
  await clerk.click('[data-test=show-rates]');
  await clerk.waitForSelector('.rates >> text=结束早于开始');
  await clerk.fill('.rates label:has-text("启用从") input', '2025-01-01');
  await clerk.click('[data-test=show-rates]');
  await clerk.waitForSelector('.rates >> text=这段时间没有启用的借阅');
  await clerk.fill('.rates label:has-text("到") input', '');
  await clerk.click('[data-test=show-rates]');
  await clerk.waitForSelector('.rates tbody tr');
  await sound(clerk, 'rates');
  const [download] = await Promise.all([
    clerk.waitForEvent('download'),
    clerk.goto(`${world.url}/loans?view=all`).then(() => clerk.click('[data-test=export]:enabled')),
  ]);
  expect(download.suggestedFilename()).toMatch(/^loans-.*\.xlsx$/);
  await clerk.goto(`${world.url}/archives?q=nobody`);
  await clerk.waitForSelector('[data-test=export][disabled][title="没有可导出的行"]');
  for (const [page, name] of [
    ['/archives', 'archives'],
    ['/ingest', 'batches'],
    ['/workflows?view=all', 'workflows'],
  ]) {
    await clerk.goto(`${world.url}${page}`);
    const [file] = await Promise.all([clerk.waitForEvent('download'), clerk.click('[data-test=export]:enabled')]);
    expect(file.suggestedFilename()).toMatch(new RegExp(`^${name}-.*\\.xlsx$`));
    expect((await readFile(await file.path())).subarray(0, 2).toString()).toBe('PK');
  }
  // While it is under way it says how far it is, and can be given up; a refusal is told.
  let tries = 0;
  await clerk.route('**/archives.xlsx*', async (route) => {
    tries += 1;
    const detail = { zh: '现在不能导出', en: 'Not now' };
    if (tries > 1) await route.fulfill({ status: 409, json: { code: 'refused', status: 409, detail } });
  });
  await clerk.goto(`${world.url}/archives`);
  await clerk.click('[data-test=export]:enabled');
  await clerk.waitForSelector('[data-test=export-bytes]:has-text("已取得 0 B")');
  await clerk.click('[data-test=export-cancel]');
  await clerk.click('[data-test=export]:enabled');
  await clerk.waitForSelector('.el-message:has-text("现在不能导出")');
  await clerk.unroute('**/archives.xlsx*');
  await clerk.goto(`${world.url}/workbench`);
  await clerk.fill('#loan-search', '周');
  await clerk.keyboard.press('Enter');
  await clerk.click('button:has-text("常用筛选")');
  await clerk.click('[data-test=save-filter]');
  await clerk.fill('.el-message-box input', EVIL.slice(0, 40));
  await clerk.click('.el-message-box button:has-text("保存筛选")');
  await clerk.waitForSelector(`.el-popover >> text=${EVIL.slice(0, 20)}`);
});

test('the records room lends a branch of the catalogue only', async () => {
  const doctor = await world.login('doctor');
  await doctor.goto(`${world.url}/loans/apply?archives=${archiveIds[9]}`);
  await doctor.click('.el-radio-button:has-text("诊疗")');
  await doctor.fill('#reason', '核对医嘱');
  await doctor.click('[data-test=apply]');
  await doctor.click('[data-test=results] li a');
  await doctor.waitForSelector('[data-test=scope]:has-text("整份")');

  const clerk = await world.login('clerk');
  await clerk.click('tr:has-text("温以宁")');
  await clerk.click('[data-test=approve]');
  const branch = (title: string) => clerk.locator('[data-test=grant-scope] .el-checkbox', { hasText: title });
  await branch('病案首页').click();
  await branch('医嘱').click();
  await clerk.waitForSelector('[data-test=grant-scope] >> text=请至少保留一个目录项');
  expect(await clerk.isDisabled('[data-test=decide]')).toBe(true);
  await branch('医嘱').click();
  await sound(clerk, 'review-scope');
  await clerk.click('[data-test=decide]');

  await doctor.waitForSelector('[data-test=scope]:has-text("医嘱")');
  expect(await doctor.innerText('[data-test=scope]')).toBe('医嘱');
  expect(await doctor.innerText('[data-test=withheld]')).toBe('不予借阅的目录项：病案首页');
  await doctor.click('[data-test=start]');
  await doctor.waitForSelector('.title-line >> text=借阅中');
  await doctor.goto(`${world.url}/archives/${archiveIds[9]}`);
  await pageShown(doctor);
  // The page that opens is of that branch, and no other can be turned to.
  const pages = await doctor.evaluate<Record<string, number>>(
    `Promise.all([1, 2].map((page) => fetch('/api/v1/archives/${archiveIds[9]}/pages/' + page).then((one) => [page, one.status]))).then(Object.fromEntries)`,
  );
  expect(pages).toEqual({ 1: 403, 2: 200 });
  await doctor.waitForSelector('.viewer >> text=第 2 页，共 2 页');
  expect(await doctor.locator('.viewer .branch:disabled').allInnerTexts()).toEqual([
    expect.stringMatching(/病案首页\s*未借/),
  ]);
  expect(await doctor.locator('.viewer .thumbnail').count()).toBe(1);
  await doctor.keyboard.press('ArrowRight');
  await doctor.waitForSelector('.viewer >> text=第 2 页，共 2 页');
  await sound(doctor, 'partly-lent');
});

test('a draft keeps when it begins; the records room takes a right away; due soon is found; the filters tell tasks apart', async () => {
  const medical = await world.login('medical');
  // Whatever day it is: a term of two days ends in two days.
  await medical.goto(`${world.url}/loan-policy`);
  await medical.click('[data-test=change-policy]');
  await medical.click('.el-checkbox.is-checked:has-text("顺延")');
  await medical.fill('#policy-reason', '到期日不顺延');
  await medical.click('[data-test=publish-policy]');
  await medical.waitForSelector('text=到期日不顺延');
  await medical.goto(`${world.url}/workbench`);

  const doctor = await world.login('doctor');
  const hourAgo = new Date(Date.now() + 7 * 3_600_000).toISOString().slice(0, 16);
  await doctor.goto(`${world.url}/loans/apply?archives=${archiveIds[7]}`);
  await doctor.click('.el-radio-button:has-text("纠纷")');
  await doctor.fill('#reason', '答复问询');
  await doctor.fill('#days', '2');
  for (const right of ['打印', '下载']) await doctor.click(`.el-checkbox:has-text("${right}")`);
  await doctor.fill('#start-at', hourAgo);
  await doctor.click('button:has-text("存为草稿")');
  await doctor.click('[data-test=results] li a');
  await doctor.click('a:has-text("提交申请")');
  await doctor.waitForSelector('#start-at');
  expect(await doctor.inputValue('#start-at')).toBe(hourAgo);
  await doctor.click('[data-test=apply]');
  await doctor.waitForSelector('.title-line >> text=待审核');
  expect(await doctor.locator('.facts').innerText()).toContain(hourAgo.replace('T', ' '));

  const clerk = await world.login('clerk');
  await rowsAre(clerk, 1);
  const choose = async (label: string, choice: string) => {
    await clerk.click(`.filters .el-select:has([aria-label="${label}"])`);
    await clerk.click(`.el-select-dropdown__item:visible:has-text("${choice}")`);
  };
  await choose('方式', '借出病案室');
  await clerk.waitForSelector('text=没有符合条件的借阅');
  await clerk.click('button:has-text("清除条件")');
  await rowsAre(clerk, 1);
  await choose('抢救', '非抢救');
  await choose('领取', '我已领取');
  await clerk.waitForSelector('text=没有符合条件的借阅');
  await choose('领取', '无人领取');
  await rowsAre(clerk, 1);
  expect(new URL(clerk.url()).search).toBe('?emergency=false&claimed=nobody');
  await sound(clerk, 'workbench-filters');

  await clerk.click('tr:has-text("江望舒")');
  await clerk.click('[data-test=approve]');
  await clerk.click('.decision .el-checkbox:has-text("打印")');
  await clerk.waitForSelector('.decision .el-checkbox.is-disabled:has-text("查看")');
  await sound(clerk, 'review-rights');
  await clerk.click('[data-test=decide]');
  await medical.click('tr:has-text("江望舒")');
  await medical.click('[data-test=approve]');
  // What the first level took away is not there to be given.
  expect(await medical.locator('[data-test=grant-rights] .el-checkbox').allInnerTexts()).toEqual(['查看', '下载']);
  await medical.click('[data-test=decide]');
  await doctor.waitForSelector('.title-line >> text=借阅中');
  expect(await doctor.locator('.facts').innerText()).toContain('批准：2 天，查看、下载');
  expect(await doctor.locator('[data-test=withheld]').allInnerTexts()).toEqual(['不予权限：打印']);

  await clerk.click('nav >> text=工作台');
  await clerk.waitForSelector('[data-test=card-soon] strong:has-text("1")');
  await clerk.click('[data-test=card-soon]');
  await rowsAre(clerk, 1);
  await clerk.waitForSelector('.queue tr:has-text("江望舒") >> text=借阅中');
  await sound(clerk, 'due-soon');
  // It has two days: it is not due today.
  await choose('到期时间', '今天到期');
  await clerk.waitForSelector('text=没有符合条件的借阅');
});

test('a loan leads to the version of the policy that it began with', async () => {
  const doctor = await world.login('doctor');
  const loanId = await doctor.evaluate<string>(
    "fetch('/api/v1/loans?view=mine&limit=200').then((one) => one.json()).then(({ items }) => items.find((one) => one.policyVersion === 1).loanId)",
  );
  await doctor.goto(`${world.url}/loans/${loanId}`);
  await doctor.click('[data-test=policy-version]');
  await doctor.waitForURL('**/loan-policy?version=1');
  await doctor.waitForSelector('[data-test=not-in-force] >> text=/这是第 1 版；现行的是第 \\d 版/');
  await sound(doctor, 'policy-before');
  await doctor.click('li:has-text("现行") button');
  await doctor.waitForSelector('[data-test=not-in-force]', { state: 'detached' });
  await doctor.goto(`${world.url}/loan-policy?version=99`);
  await doctor.waitForSelector('[data-test=not-in-force] >> text=没有列出第 99 版');
});

test('an archive is marked, and its next loan is reviewed by 医务科 too; nobody else may', async () => {
  const clerk = await world.login('clerk');
  await clerk.goto(`${world.url}/archives/${archiveIds[8]}`);
  await clerk.waitForSelector('.title-line h1');
  expect(await clerk.locator('[data-test=marks]').count()).toBe(0);
  const medical = await world.login('medical');
  await medical.goto(`${world.url}/archives/${archiveIds[8]}`);
  await medical.click('[data-test=marks]');
  await medical.click('.el-dialog .el-checkbox:has-text("死亡病案")');
  expect(await medical.isDisabled('[data-test=save-marks]')).toBe(true);
  await medical.fill('#marks-reason', '出院情况为死亡');
  await sound(medical, 'marks');
  await medical.click('[data-test=save-marks]');
  await medical.waitForSelector('[data-test=mark]:has-text("死亡病案")');
  await sound(medical, 'marked');
  const doctor = await world.login('doctor');
  await apply(doctor, ['顾清和'], '死亡病例讨论');
  await doctor.click('[data-test=results] li a');
  await doctor.waitForSelector('.facts >> text=之后医务科');
});

test('a year of the calendar: entered as it was published, corrected, and each error at its field', async () => {
  const clerk = await world.login('clerk');
  await clerk.goto(`${world.url}/loan-policy`);
  await clerk.waitForSelector('[data-test=year-2027]');
  expect(await clerk.locator('[data-test=enter-year]').count()).toBe(0);
  const medical = await world.login('medical');
  await medical.goto(`${world.url}/loan-policy`);
  await medical.click('[data-test=year-2027] button');
  await medical.fill('#calendar-source', '国务院办公厅关于2027年部分节假日安排的通知');
  await medical.click('[data-test=calendar-form] .el-radio:has-text("已公布")');
  const fault = async (list: string, typed: string, text: string) => {
    await medical.fill(`#calendar-${list}`, typed);
    await medical.click('[data-test=save-calendar]');
    await medical.waitForSelector(`#calendar-${list}-fault:has-text("${text}")`);
  };
  await fault('holidays', '01-01\n02-30', '“02-30”不是日期');
  await fault('holidays', '2026-12-31', '“2026-12-31”不在 2027 年内');
  await fault('holidays', '10-07~10-01', '的结束早于开始');
  await fault('holidays', '01-01~06-30', '最多 120 天');
  await medical.fill('#calendar-holidays', '1月1日（周五）至3日（周日）\n10-01~10-07');
  await fault('workdays', '10-02', '2027-10-02 同时在放假中');
  await fault('workdays', '10-08', '2027-10-08 不是周六或周日');
  await sound(medical, 'calendar-fault');
  await medical.fill('#calendar-workdays', '10月9日');
  await medical.waitForSelector('[data-test=calendar-form] >> text=共 10 天');
  await medical.click('[data-test=save-calendar]');
  await medical.waitForSelector('[data-test=year-2027] >> text=已公布');
  expect(await medical.locator('[data-test=year-2027] details').textContent()).toContain('调休上班：10-09');

  await medical.click('[data-test=enter-year]');
  await medical.fill('#calendar-year', '2027');
  await medical.click('[data-test=save-calendar]');
  await medical.waitForSelector('#calendar-year-fault:has-text("2027 年已录入")');
  await medical.waitForSelector('#calendar-source-fault:has-text("请填写依据")');
  await medical.fill('#calendar-year', '2028');
  await medical.fill('#calendar-source', '2028年安排的通知');
  await medical.fill('#calendar-holidays', '2028-01-01');
  await medical.click('[data-test=save-calendar]');
  await medical.waitForSelector('[data-test=year-2028] >> text=2028年安排的通知');
});

test('what was typed as a script is shown as text, wherever it comes up', async () => {
  const pages: [string, string][] = [
    ['doctor', '/loans?view=mine'],
    ['clerk', '/loans'],
    ['medical', '/loan-policy'],
    ['auditor', '/trace'],
  ];
  for (const [username, target] of pages) {
    const page = await world.login(username);
    await page.goto(world.url + target);
    await page.waitForLoadState('networkidle');
    if (username !== 'medical' && username !== 'auditor') {
      await page.click('tr:has-text("白思齐")');
      await page.waitForSelector('.side .facts');
      expect(await page.locator('.side .facts').innerText()).toContain('<img src=x');
    }
    expect([target, await page.title()]).not.toEqual([target, 'XSS']);
    expect(await page.locator('img[src=x]').count()).toBe(0);
    expect(await page.locator('body').innerText()).not.toContain('{{49}}');
  }
});

test.each([
  ['/workbench', 'clerk'],
  ['/loans', 'doctor'],
  ['/loans/apply', 'doctor'],
  ['/loan-policy', 'medical'],
  ['/jobs', 'clerk'],
])('%s meets WCAG 2 AA by axe, light and dark, and fits a phone', async (target, username) => {
  const page = await world.login(username);
  await page.goto(world.url + target);
  await page.waitForLoadState('networkidle');
  if (target === '/loans') await page.click('.queue tbody tr');
  if (target === '/loans') await page.waitForSelector('.side .facts');
  await expectSound(page, { readAt: [DESK] });
  await shot(page, `phone${target.replaceAll('/', '-')}`);
});

import type { Page } from 'playwright-core';
import { BrowserWorld, DESK, expectSound, shot } from '../fixtures/browser.ts';

/** Every text that a person can type is tried as a script. */
const EVIL = '<img src=x onerror="document.title=\'XSS\'"><script>document.title="XSS"</script>{{7*7}}';
const NAMES = ['方若晴', '韩子安', '沈立夏', '陆明远', '白思齐', '秦知远', '施雨眠'];
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
  while ((await page.evaluate("document.querySelector('[data-test=page]')?.naturalWidth ?? 0")) === 0);
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
  await medical.fill('#policy-reason', EVIL);
  await medical.click('[data-test=publish-policy]');
  await medical.waitForSelector('button:has-text("第 2 版")');
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
  await shot(clerk, 'jobs');
  const [download] = await Promise.all([
    clerk.waitForEvent('download'),
    clerk.goto(`${world.url}/workbench`).then(() => clerk.click('[data-test=export]')),
  ]);
  expect(download.suggestedFilename()).toMatch(/^loans-.*\.xlsx$/);
  await clerk.fill('#loan-search', '周');
  await clerk.keyboard.press('Enter');
  await clerk.click('button:has-text("常用筛选")');
  await clerk.click('[data-test=save-filter]');
  await clerk.fill('.el-message-box input', EVIL.slice(0, 40));
  await clerk.click('.el-message-box button:has-text("保存筛选")');
  await clerk.waitForSelector(`.el-popover >> text=${EVIL.slice(0, 20)}`);
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

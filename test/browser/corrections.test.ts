import type { Page } from 'playwright-core';
import { axe, BrowserWorld, checkProof, expectSound, shot } from '../fixtures/browser.ts';

const world = new BrowserWorld();
let archiveId: string;

beforeAll(async () => {
  await world.start();
  const visit = { patientNo: 'YZ194001', patientName: '方若睛', department: '心内科' };
  archiveId = await world.archived(visit, ['病案首页', '医嘱'], 940);
});
afterAll(() => world.stop());
afterEach(async () => expect(await world.close()).toEqual([]));

async function begin(page: Page): Promise<void> {
  await page.goto(`${world.url}/archives/${archiveId}`);
  await page.click('[data-test=correct]');
  await page.waitForSelector('#correction-name');
}

test('a name that was mistyped: a clerk asks, 医务科 approves, both see it at once, and the proof holds', async () => {
  const clerk = await world.login('clerk');
  await begin(clerk);
  expect(await clerk.isDisabled('[data-test=send-correction]')).toBe(true);
  await clerk.fill('#correction-name', '方若晴');
  await clerk.click('[data-test=send-correction]');
  await clerk.waitForSelector('#correction-reason-fault >> text=请填写此项');
  await clerk.fill('#correction-reason', '与病案首页、身份证件核对');
  await shot(clerk, 'correction');
  expect(await axe(clerk)).toEqual([]);

  const medical = await world.login('medical');
  await medical.click('nav >> text=更正审批');
  await medical.waitForSelector('text=没有等待审批的更正');
  await clerk.click('[data-test=send-correction]');
  await clerk.waitForSelector('[data-test=corrections] >> text=待审批');
  await clerk.waitForSelector('h1 >> text=方若睛');
  // It comes up without asking.
  await medical.waitForSelector('[data-test=waiting-corrections] >> text=方若晴');
  await medical.click('.bell:has-text("1")');
  await medical.waitForSelector('.el-popover >> text=登记信息更正待您审批');
  await medical.keyboard.press('Escape');
  await shot(medical, 'corrections');
  await expectSound(medical);
  await medical.setViewportSize({ width: 1280, height: 800 });
  await medical.click('[data-test=approve-correction]');
  await medical.click('.el-message-box__btns >> text=批准更正');
  await medical.waitForSelector('text=没有等待审批的更正');
  // It was decided at the page: the bell asks no more.
  await medical.waitForSelector('.bell:not(:has-text("1"))');
  await medical.click('.bell');
  await medical.waitForSelector('.el-popover [data-test=settled]');

  await clerk.waitForSelector('h1 >> text=方若晴');
  await clerk.waitForSelector('[data-test=corrections] >> text=已更正');
  await clerk.waitForSelector('[data-test=check-correction-1]');
  expect(await checkProof(clerk, '[data-test=check-correction-1]')).toMatchObject({ state: 'valid' });
  await clerk.hover('h1');
  await shot(clerk, 'corrected');
  await expectSound(clerk);

  // Wherever the clerk is meanwhile: the bell leads to the archive.
  await clerk.goto(`${world.url}/archives`);
  await clerk.click('.bell:has-text("1")');
  const notice = clerk.locator('.el-popover li:has-text("您申请的更正已批准")');
  expect(await notice.innerText()).toContain('方若晴');
  await shot(clerk, 'correction-notice');
  expect(await axe(clerk)).toEqual([]);
  await notice.click();
  await clerk.waitForURL(`${world.url}/archives/${archiveId}`);
  await clerk.waitForSelector('.bell:not(:has-text("1"))');
});

test('a number that another archive has is named with it; another one is asked for, approved, and found by', async () => {
  const visit = { patientNo: 'YZ194002', patientName: '贺知秋', department: '心内科' };
  const otherId = await world.archived(visit, ['病案首页'], 941);
  const clerk = await world.login('clerk');
  await begin(clerk);
  await clerk.fill('#correction-patient-no', '');
  await clerk.fill('#correction-reason', '与病案首页核对');
  await clerk.click('[data-test=send-correction]');
  await clerk.waitForSelector('[data-test=correction-number-fault] >> text=请填写此项');
  await clerk.fill('#correction-patient-no', 'YZ194002');
  await clerk.click('[data-test=send-correction]');
  const other = clerk.locator('[data-test=correction-number-fault] a');
  await other.waitFor();
  expect(await other.innerText()).toContain('贺知秋 YZ194002');
  expect(await other.getAttribute('href')).toBe(`/archives/${otherId}`);
  await shot(clerk, 'correction-taken');
  expect(await axe(clerk)).toEqual([]);
  await clerk.fill('#correction-patient-no', 'YZ194010');
  await clerk.fill('#correction-visit-no', '2');
  await clerk.click('[data-test=send-correction]');
  await clerk.waitForSelector('[data-test=corrections] >> text=待审批');

  const medical = await world.login('medical');
  await medical.goto(`${world.url}/corrections`);
  await medical.waitForSelector('[data-test=waiting-corrections] >> text=YZ194010');
  await medical.click('[data-test=approve-correction]');
  await medical.click('.el-message-box__btns >> text=批准更正');
  await clerk.waitForSelector('.title-line >> text=YZ194010 · 第 2 次住院');
  await clerk.goto(`${world.url}/archives?q=YZ194010`);
  await clerk.waitForSelector('tbody >> text=YZ194010');
});

test('someone was first: both sides are shown, nothing typed is lost, and it is sent again', async () => {
  const clerk = await world.login('clerk');
  await begin(clerk);
  await clerk.fill('#correction-department', '急诊科');
  await clerk.fill('#correction-reason', '转科');
  const [clerk2, medical] = await Promise.all([world.person('clerk2'), world.person('medical')]);
  const at = `/archives/${archiveId}`;
  const detail = await clerk2.ok<{ corrected: number; patientName: string; dischargedAt: string }>('get', at);
  const { corrected: base, patientName, dischargedAt } = detail;
  const registered = { patientName, department: '呼吸科', admittedAt: null, dischargedAt };
  const asked = { base, registered, reason: '首页' };
  const { correction } = await clerk2.ok<{ correction: number }>('post', `${at}/corrections`, asked);

  await clerk.click('[data-test=send-correction]');
  await clerk.waitForSelector('[data-test=correction-conflict] >> text=正在等待审批');
  expect(await clerk.isDisabled('[data-test=send-correction]')).toBe(true);
  expect(await clerk.inputValue('#correction-department')).toBe('急诊科');
  await medical.ok('post', `${at}/corrections/${correction}/approve`, {});

  await begin(clerk);
  await clerk.fill('#correction-department', '急诊科');
  await clerk.fill('#correction-reason', '转科');
  const again = { base: base + 1, registered: { ...registered, department: '肾内科' }, reason: '首页' };
  await clerk2.ok('post', `${at}/corrections`, again);
  await medical.ok('post', `${at}/corrections/${correction + 1}/approve`, {});
  await clerk.click('[data-test=send-correction]');
  const conflict = clerk.locator('[data-test=correction-conflict]');
  await conflict.waitFor();
  const text = await conflict.innerText();
  for (const word of ['已先更正', '肾内科', '急诊科']) expect(text).toContain(word);
  expect(await axe(clerk)).toEqual([]);
  await clerk.click('[data-test=send-correction]');
  await clerk.waitForSelector('[data-test=corrections] >> text=待审批');

  await clerk.click('[data-test=withdraw-correction]');
  await clerk.click('.el-message-box__btns >> text=撤回更正');
  await clerk.waitForSelector('[data-test=corrections] >> text=已撤回');
  await clerk.waitForSelector('[data-test=withdraw-correction]', { state: 'detached' });
  expect(await axe(clerk)).toEqual([]);
});

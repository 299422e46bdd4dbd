import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { scanOf } from '../../ops/demo/scans.ts';
import { scanFolder } from '../../ops/ingest/scan-folder.ts';
import { sendVisit, waitForEnd } from '../../ops/ingest/send.ts';
import { ofdOfPages } from '../fixtures/ofd.ts';
import { axe, BrowserWorld, DESK, expectSound, shot, toldOnly } from '../fixtures/browser.ts';

const world = new BrowserWorld();
let dir: string;
beforeAll(async () => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'sealfolio-intake-'));
  await world.start();
});
afterAll(async () => {
  await world.stop();
  rmSync(dir, { recursive: true, force: true });
});
afterEach(async () => expect(await world.close()).toEqual([]));

const HOSPITAL = '云州市第一人民医院';
const jpeg = async (name: string, seed: number) => ({
  name: `${name}.jpg`,
  mimeType: 'image/jpeg',
  buffer: await scanOf(name, HOSPITAL, seed),
});

/** What a clerk types of a visit, and sends from the page. */
async function fill(page: Page, { patientNo, patientName }: { patientNo: string; patientName: string }) {
  const field = (label: string) =>
    page.locator('.fields label', { hasText: new RegExp(`^\\s*${label}`) }).locator('input');
  await field('病案号').fill(patientNo);
  await field('姓名').fill(patientName);
  await field('出院时间').fill('2026-11-22T10:00');
}

test('a batch opens to its files, each with its state; the list is narrowed by station and by late scans', async () => {
  writeFileSync(path.join(dir, '1 病案首页.jpg'), await scanOf('病案首页', HOSPITAL, 810));
  writeFileSync(path.join(dir, '2 医嘱.jpg'), (await scanOf('医嘱', HOSPITAL, 811)).subarray(0, -500));
  writeFileSync(path.join(dir, '3 护理记录.jpg'), await scanOf('护理记录', HOSPITAL, 812));
  const visit = { patientNo: 'YZ19810', visitNo: '1', patientName: '样例甲', dischargedAt: '2026-11-20T02:00:00Z' };
  writeFileSync(path.join(dir, 'visit.json'), JSON.stringify(visit));
  const { client } = world.raised;
  const [scanned] = await scanFolder(dir);
  const first = await sendVisit(client, scanned!, () => {}, { scannerId: 'CZ-01' });
  await waitForEnd(client, first);
  // Announced late, by another station, and not sent.
  const parts = scanned!.files.map(({ location: _where, ...file }, i) => ({
    ...file,
    partNo: i + 1,
    sm3: 'a'.repeat(64),
  }));
  const registration = { ...visit, batchId: 'late-1', scannerId: 'CZ-02', reason: '补扫', parts };
  await client.call('POST', '/api/v1/batches', registration);

  const clerk = await world.login('clerk');
  await clerk.goto(`${world.url}/ingest`);
  const row = (batchId: string) => clerk.locator('.batches > li', { hasText: batchId });
  await row(first.batchId).locator('text=2 医嘱.jpg: 拒收：文件不完整，请重新扫描（文件内容）').waitFor();
  await clerk.waitForSelector('[data-test=station-last-hour]:has-text("2 页")');

  await row(first.batchId).locator('[data-test=open-batch]').click();
  const part = (n: number) => clerk.locator(`[data-test=part-${n}]`);
  await part(3).waitFor();
  await clerk.waitForSelector('[data-test=batch-state]:has-text("部分失败")');
  expect(await part(1).innerText()).toMatch(/病案首页[\s\S]*已通过/);
  expect(await part(2).innerText()).toMatch(
    /医嘱[\s\S]*已拒收[\s\S]*文件不完整，请重新扫描（文件内容）[\s\S]*document-truncated/,
  );
  expect(await part(3).innerText()).toMatch(/护理记录[\s\S]*已通过/);
  await shot(clerk, 'batch');
  await expectSound(clerk);
  await clerk.setViewportSize(DESK);
  await clerk.click('[data-test=part-state]');
  await clerk.click('.el-select-dropdown:visible >> text=已拒收 1');
  await part(1).waitFor({ state: 'detached' });
  expect(await clerk.locator('[data-test=parts] > li').count()).toBe(1);
  // The address opens it again.
  await clerk.reload();
  await part(3).waitFor();
  await clerk.keyboard.press('Escape');
  await part(3).waitFor({ state: 'detached' });
  // Closed by the keyboard, it gives the focus back.
  await row(first.batchId).locator('[data-test=open-batch]').press('Enter');
  await part(3).waitFor();
  await clerk.keyboard.press('Escape');
  await row(first.batchId).locator('[data-test=open-batch]:focus').waitFor();

  await row('late-1').waitFor();
  await clerk.click('[data-test=station]');
  await clerk.click('.el-select-dropdown:visible >> text=scanner/CZ-01');
  await row('late-1').waitFor({ state: 'detached' });
  await row(first.batchId).waitFor();
  await clerk.click('[data-test=only-late]');
  await clerk.waitForSelector('text=没有符合条件的批次');
  await clerk.click('[data-test=station]');
  await clerk.click('.el-select-dropdown:visible >> text=scanner/CZ-02');
  await row('late-1').locator('[data-test=late]').waitFor();
  expect(await clerk.locator('.batches > li').count()).toBe(1);
  await row('late-1').locator('[data-test=open-batch]').click();
  await part(1).locator('text=待上传').waitFor();

  // In the reader's own language.
  await clerk.goto(`${world.url}/ingest?batch=${first.batchId}`);
  await part(2).waitFor();
  await clerk.keyboard.press('Escape');
  await part(2).waitFor({ state: 'detached' });
  await clerk.click('header >> text=English');
  await row(first.batchId).locator('text=The file is cut off; scan it again (contents)').waitFor();
});

test('documents are still missing: archiving waits for them, and goes on when the rest is sent', async () => {
  const clerk = await world.login('clerk');
  await clerk.goto(`${world.url}/ingest`);
  const visit = { patientNo: 'YZ19820', patientName: '样例乙' };
  await fill(clerk, visit);
  await clerk.setInputFiles('[data-test=files]', await jpeg('医嘱', 820));
  const complete = clerk.locator('[data-test=complete] input');
  expect(await complete.isChecked()).toBe(true);
  await clerk.click('[data-test=complete]');
  expect(await complete.isChecked()).toBe(false);
  await expectSound(clerk);
  await clerk.setViewportSize(DESK);
  await clerk.click('[data-test=send]');
  await clerk.waitForSelector('[data-test=sent]:has-text("缺少的必备文书补交后归档")');
  expect(await complete.isChecked()).toBe(true);
  await clerk.waitForSelector('.batches > li:has-text("待编目")');

  // Another name for the same visit: the field says so.
  await fill(clerk, { ...visit, patientName: '样例丙' });
  await clerk.setInputFiles('[data-test=files]', await jpeg('病案首页', 821));
  await clerk.click('[data-test=send]');
  await clerk.waitForSelector('.fields label:has-text("姓名") .fault:has-text("与该次就诊已登记的不一致")');
  await fill(clerk, visit);
  await clerk.click('[data-test=send]');
  await clerk.waitForSelector('[data-test=sent]:has-text("正在归档")');
  await clerk.click('[data-test=sent] a');
  await clerk.waitForSelector('.title-line >> text=已存证', { timeout: 60_000 });
  await clerk.waitForSelector('text=第 1 页，共 2 页');
});

test('an OFD of another maker, a kind for which browsers know no type, is sent and shown', async () => {
  const clerk = await world.login('clerk');
  await clerk.goto(`${world.url}/ingest`);
  await fill(clerk, { patientNo: 'YZ19840', patientName: '样例戊' });
  const file = path.join(dir, '病案首页.ofd');
  writeFileSync(file, ofdOfPages([await scanOf('病案首页', HOSPITAL, 840)]));
  await clerk.setInputFiles('[data-test=files]', file);
  await clerk.click('[data-test=send]');
  await clerk.waitForSelector('[data-test=sent]:has-text("正在归档")');
  await clerk.click('[data-test=sent] a');
  await clerk.waitForSelector('.title-line >> text=已存证', { timeout: 60_000 });
  await clerk.waitForSelector('text=第 1 页，共 1 页');
  await clerk.waitForSelector('img[data-test=page]');
  // A4 at 150 dots an inch.
  const height = clerk.evaluate(
    "document.querySelector('[data-test=page]').decode().then(() => document.querySelector('[data-test=page]').naturalHeight)",
  );
  expect(await height).toBeGreaterThan(1700);
});

test('未出院: what is sent waits, its discharge is told at the batch, and it is archived', async () => {
  const clerk = await world.login('clerk');
  await clerk.goto(`${world.url}/ingest`);
  await fill(clerk, { patientNo: 'YZ19860', patientName: '样例戊' });
  await clerk.click('[data-test=in-hospital]');
  expect(await clerk.locator('.fields label', { hasText: '出院时间' }).locator('input').isDisabled()).toBe(true);
  await clerk.setInputFiles('[data-test=files]', [await jpeg('病案首页', 860)]);
  await clerk.click('[data-test=send]');
  await clerk.waitForSelector('[data-test=sent]:has-text("出院后归档")');
  const row = clerk.locator('.batches > li', { hasText: '待出院' });
  await row.locator('[data-test=open-batch]').click();
  await clerk.waitForSelector('[data-test=parked]:has-text("样例戊")');
  await expectSound(clerk);
  await clerk.setViewportSize(DESK);
  await clerk.fill('[data-test=discharged-at]', '2026-11-22T10:00');
  await clerk.click('[data-test=discharged-dead]');
  await clerk.click('[data-test=discharge]');
  await clerk.waitForSelector('[data-test=parked]', { state: 'detached' });
  await clerk.waitForSelector('[data-test=batch-state]:has-text("已归档")');
  await clerk.click('[data-test=batch] >> text=查看档案');
  await clerk.waitForSelector('h1 >> text=样例戊');
  await clerk.waitForSelector('[data-test=mark] >> text=死亡病案');
  await clerk.goto(`${world.url}/archives`);
  await clerk.waitForSelector('tbody tr:has-text("样例戊") >> text=死亡病案');
  await clerk.click('[data-test=mark-filter]');
  await clerk.click('.el-select-dropdown:visible >> text=死亡病案');
  await clerk.waitForURL(`${world.url}/archives?mark=death`);
  await clerk.waitForSelector('text=已显示 1 份');
  expect(await clerk.locator('tbody tr').count()).toBe(1);
  await expectSound(clerk);
});

test('未出院: a mistyped name is put right where it waits; a batch of the wrong patient is withdrawn with a reason', async () => {
  const clerk = await world.login('clerk');
  await clerk.goto(`${world.url}/ingest`);
  await fill(clerk, { patientNo: 'YZ19861', patientName: '样列己' });
  await clerk.click('[data-test=in-hospital]');
  await clerk.setInputFiles('[data-test=files]', [await jpeg('病案首页', 861)]);
  await clerk.click('[data-test=send]');
  await clerk.waitForSelector('[data-test=sent]:has-text("出院后归档")');
  await clerk.locator('.batches > li', { hasText: '待出院' }).locator('[data-test=open-batch]').click();
  await clerk.waitForSelector('[data-test=parked]:has-text("样列己")');
  await clerk.click('[data-test=correct-parked]');
  const field = (name: string) => `[data-test=parked-${name}] input, input[data-test=parked-${name}]`;
  await clerk.fill(field('patientName'), '样例己');
  expect(await clerk.isDisabled('[data-test=send-parked]')).toBe(true);
  await clerk.fill(field('reason'), '与腕带核对');
  expect(await axe(clerk)).toEqual([]);
  await clerk.click('[data-test=send-parked]');
  await clerk.waitForSelector('[data-test=parked] strong:has-text("样例己")');
  await clerk.waitForSelector('[data-test=parked-before]:has-text("样列己")');
  await expectSound(clerk);
  await clerk.setViewportSize(DESK);
  await clerk.click('[data-test=withdraw]');
  await clerk.fill('.el-message-box input', '不是本院患者');
  await clerk.click('.el-message-box__btns >> text=撤回批次');
  await clerk.waitForSelector('[data-test=withdrawn]:has-text("不是本院患者")');
  await clerk.waitForSelector('[data-test=batch-state]:has-text("已撤回")');
  expect(await clerk.locator('[data-test=withdraw]').count()).toBe(0);
});

test('what a station sends comes up by itself, and what is being typed and chosen stays', async () => {
  const clerk = await world.login('clerk');
  await toldOnly(clerk);
  await clerk.goto(`${world.url}/ingest?station=scanner%2FCZ-03`);
  await clerk.waitForSelector('[data-test=stations]');
  await fill(clerk, { patientNo: 'YZ19890', patientName: '样例乙' });
  const parts = [
    { partNo: 1, fileName: 'a.jpg', mediaType: 'image/jpeg', bytes: 10, sm3: 'b'.repeat(64), pageCount: 1 },
  ];
  const { client } = world.raised;
  for (const batchId of ['told-1', 'told-2']) {
    const visit = { patientNo: batchId, visitNo: '1', patientName: '样例甲', dischargedAt: '2026-11-20T02:00:00Z' };
    await client.call('POST', '/api/v1/batches', {
      ...{ batchId, scannerId: 'CZ-03', ...visit },
      parts: parts.map((part) => ({ ...part, documentType: 'frontPage' })),
    });
    await clerk.waitForSelector(`.batches > li:has-text("${batchId}")`);
  }
  await clerk.waitForSelector('[data-test=stations] tbody tr:has-text("CZ-03")');
  const label = clerk.locator('.fields label', { hasText: /^\s*病案号/ });
  expect(await label.locator('input').inputValue()).toBe('YZ19890');
  expect(new URL(clerk.url()).search).toBe('?station=scanner%2FCZ-03');
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { PDFDocument } from 'pdf-lib';
import type { Page } from 'playwright-core';
import { visitsIn } from '../../ops/ingest/scan-folder.ts';
import { readBarcodes } from '../../platform/barcode/read.ts';
import { BrowserWorld, expectSound, holds, shot } from '../fixtures/browser.ts';
import { jpegScan } from '../fixtures/documents.ts';

const world = new BrowserWorld();
let dir: string;
beforeAll(async () => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'sealfolio-separators-'));
  await world.start();
});
afterAll(async () => {
  await world.stop();
  rmSync(dir, { recursive: true, force: true });
});
afterEach(async () => expect(await world.close()).toEqual([]));

/** What the browser would print, a file a page. */
async function printed(page: Page): Promise<Buffer[]> {
  const whole = await PDFDocument.load(await page.pdf({ preferCSSPageSize: true }));
  return Promise.all(
    whole.getPageIndices().map(async (i) => {
      const one = await PDFDocument.create();
      one.addPage((await one.copyPages(whole, [i]))[0]);
      return Buffer.from(await one.save());
    }),
  );
}
const saidBy = async (sheet: Buffer) => (await readBarcodes(sheet)).map(({ text }) => text).sort();
const fill = (page: Page, n: number, field: 'patientNo' | 'visitNo', value: string) =>
  page.locator('[data-test=visit]').nth(n).locator(`input[data-test=${field}]`).fill(value);
const faults = async (page: Page) => {
  const all = await page.locator('.fault[data-fault]').all();
  return Promise.all(all.map((one) => one.getAttribute('data-fault')));
};

test('a clerk prints the sheets of two visits; a stack scanned with them is split as they say', async () => {
  const clerk = await world.login('clerk');
  await clerk.addInitScript('window.prints = 0; window.print = () => { window.prints += 1; };');
  await clerk.goto(`${world.url}/ingest`);
  await clerk.click('[data-test=separators]');
  await clerk.waitForSelector('[data-test=form]');

  await clerk.click('[data-test=print]');
  await clerk.waitForSelector('[role=alert]:has-text("请填写病案号")');
  expect(await faults(clerk)).toEqual(['empty']);
  await fill(clerk, 0, 'patientNo', 'YZ/1');
  await clerk.waitForSelector('[data-fault=slash]');
  await fill(clerk, 0, 'patientNo', 'YZé1');
  await clerk.waitForSelector('[data-fault=characters]');
  await fill(clerk, 0, 'patientNo', 'A'.repeat(65));
  await clerk.waitForSelector('[data-fault=too-long]');
  expect(await clerk.locator('.separator-sheet').count()).toBe(0);
  await clerk.click('[data-test=print]');
  expect(await clerk.evaluate('window.prints')).toBe(0);

  await fill(clerk, 0, 'patientNo', 'YZ1900881');
  await clerk.click('[data-test=add-visit]');
  await fill(clerk, 1, 'patientNo', '住院 1900882');
  await fill(clerk, 1, 'visitNo', '12');
  await clerk.check('[data-test=form][value=MR-01]');
  await clerk.check('[data-test=form][value=MR-04]');
  await clerk.click('[data-test=print]');
  await holds(clerk, 'window.prints === 1');
  const sheets = await printed(clerk);
  expect(await Promise.all(sheets.map(saidBy))).toEqual(
    ['SEP/V/YZ1900881/1', 'SEP/F/MR-01', 'SEP/F/MR-04', 'SEP/V/住院 1900882/12', 'SEP/F/MR-01', 'SEP/F/MR-04'].map(
      (text) => ['SEP', 'SEP', text],
    ),
  );
  await shot(clerk, 'separators');
  await clerk.locator('[data-test=preview] li').last().scrollIntoViewIfNeeded();
  await shot(clerk, 'separator-sheets');

  const visit = { patientName: '样例甲', dischargedAt: '2026-11-24T08:00:00Z' };
  const [first, second] = [
    { ...visit, patientNo: 'YZ1900881', visitNo: '1' },
    { ...visit, patientNo: '住院 1900882', visitNo: '12' },
  ];
  const forms = { 'MR-01': 'frontPage', 'MR-04': 'orders' };
  writeFileSync(path.join(dir, 'stack.json'), JSON.stringify({ visits: [first, second], forms }));
  for (const [i, sheet] of sheets.entries()) {
    writeFileSync(path.join(dir, `${i}a.pdf`), sheet);
    if (i % 3 !== 0) writeFileSync(path.join(dir, `${i}b.jpg`), await jpegScan(i));
  }
  const split = await visitsIn(Buffer.from(dir), 'stack');
  expect(
    split.map(({ patientNo, visitNo, files }) => [patientNo, visitNo, files.map((file) => file.documentType)]),
  ).toEqual([
    ['YZ1900881', '1', ['other', 'other', 'frontPage', 'other', 'orders']],
    ['住院 1900882', '12', ['other', 'other', 'frontPage', 'other', 'orders']],
  ]);

  // Documents alone, for a box of them at the scanner.
  await clerk.locator('[data-test=visit]').nth(1).locator('button').click();
  await fill(clerk, 0, 'patientNo', '');
  await holds(clerk, "document.querySelectorAll('[data-test=preview] .separator-sheet').length === 2");
  expect(await Promise.all((await printed(clerk)).map(saidBy))).toEqual([
    ['SEP', 'SEP', 'SEP/F/MR-01'],
    ['SEP', 'SEP', 'SEP/F/MR-04'],
  ]);
  await clerk.emulateMedia({ media: 'print' });
  expect(await clerk.locator('#app').isVisible()).toBe(false);
  await clerk.emulateMedia({ media: 'screen' });
  await expectSound(clerk);
});

test('who may not register batches prints no sheets', async () => {
  const admin = await world.login('sysadmin');
  await admin.goto(`${world.url}/ingest`);
  await admin.waitForSelector('h2:has-text("扫描站")');
  expect(await admin.locator('[data-test=separators]').count()).toBe(0);
  await admin.goto(`${world.url}/ingest/separators`);
  await admin.waitForSelector('text=没有权限');
  expect(await admin.locator('[data-test=print]').count()).toBe(0);
});

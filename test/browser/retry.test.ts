import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { scanOf } from '../../ops/demo/scans.ts';
import { scanFolder } from '../../ops/ingest/scan-folder.ts';
import { sendVisit, waitForEnd } from '../../ops/ingest/send.ts';
import { axe, BrowserWorld, shot } from '../fixtures/browser.ts';
import { until } from '../fixtures/until.ts';

const world = new BrowserWorld();
let dir: string;
beforeAll(async () => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'sealfolio-retry-'));
  await world.start();
});
afterAll(async () => {
  await world.stop();
  rmSync(dir, { recursive: true, force: true });
});
afterEach(async () => expect(await world.close()).toEqual([]));

test('a clerk sends what was refused once more, alone; the archive has all pages then', async () => {
  const whole = await scanOf('医嘱', '云州市第一人民医院', 901);
  writeFileSync(path.join(dir, '1 病案首页.jpg'), await scanOf('病案首页', '云州市第一人民医院', 900));
  writeFileSync(path.join(dir, '2 医嘱.jpg'), whole.subarray(0, -500));
  const visit = { patientNo: 'YZ19900', visitNo: '1', patientName: '样例甲', dischargedAt: '2026-11-20T02:00:00Z' };
  writeFileSync(path.join(dir, 'visit.json'), JSON.stringify(visit));
  const { client } = world.raised;
  const [scanned] = await scanFolder(dir);
  const batch = await sendVisit(client, scanned!);
  expect((await waitForEnd(client, batch)).refused).toMatchObject([{ code: 'document-truncated' }]);

  const clerk = await world.login('clerk');
  await clerk.goto(`${world.url}/ingest`);
  const row = clerk.locator('.batches > li', { hasText: batch.batchId });
  await row.locator('[data-test=retry]').click();
  await clerk.waitForSelector('[data-test=retry-dialog] >> text=文件不完整，请重新扫描（文件内容）');
  expect(await axe(clerk)).toEqual([]);
  await shot(clerk, 'retry');
  const send = clerk.locator('[data-test=retry-send]');
  expect(await send.isDisabled()).toBe(true);
  const file = { name: '医嘱 重扫.jpg', mimeType: 'image/jpeg', buffer: whole };
  await clerk.setInputFiles('[data-test=retry-file-2]', file);
  await clerk.fill('[data-test=retry-reason]', '');
  expect(await send.isDisabled()).toBe(true);
  await clerk.fill('[data-test=retry-reason]', '重扫医嘱');

  // The line breaks: it says so, what was typed stays, and it can be sent again.
  let isBroken = true;
  await clerk.route('**/batches/*/retry', (route) => (isBroken ? route.abort() : route.continue()));
  await send.click();
  await clerk.waitForSelector('[data-test=retry-dialog] [role=alert]');
  expect(await clerk.inputValue('[data-test=retry-reason]')).toBe('重扫医嘱');
  isBroken = false;
  world.faults.length = 0; // the line that was cut on purpose
  await send.click();
  await clerk.waitForSelector('[data-test=retry-dialog]', { state: 'hidden' });
  await row.locator('[data-test=retried]').waitFor();
  expect(await row.locator('[data-test=retry]').count()).toBe(0);
  await clerk.locator('[data-test=is-retry]').first().waitFor();

  const archive = () =>
    client.call<{ state: string; currentVersion: number; pageCount: number }>(
      'GET',
      `/api/v1/archives/${batch.archiveId}`,
    );
  await until(async () => {
    const { state, currentVersion } = await archive();
    return currentVersion === 2 && state === 'attested';
  }, 60_000);
  expect(await archive()).toMatchObject({ pageCount: 2 });
});

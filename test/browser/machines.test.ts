import { MongoClient } from 'mongodb';
import { waitForEnd } from '../../ops/ingest/send.ts';
import { DEMO_MEMBERS } from '../../ops/launch/layout.ts';
import { axe, BrowserWorld, holds, shot, toldOnly } from '../fixtures/browser.ts';
import { until } from '../fixtures/until.ts';

const world = new BrowserWorld();
let archiveId: string;
const visitOf = (patientNo: string, patientName: string) => ({ patientNo, patientName, department: '呼吸科' });

beforeAll(async () => {
  await world.start();
  const sheets = ['病案首页', '长期医嘱', '检验报告 血常规', '护理记录'];
  archiveId = await world.archived(visitOf('YZ194001', '方若晴'), sheets, 1000);
});
afterAll(() => world.stop());
afterEach(async () => expect(await world.close()).toEqual([]));

test('a clerk sees each scan station, when it was last heard of, what it has under way, and the disk', async () => {
  const page = await world.login('clerk');
  await page.click('nav >> text=接收');
  await page.waitForSelector('[data-test=stations] tbody tr:has-text("scanner")');
  await page.waitForSelector('.stations h2 >> text=磁盘');
  await shot(page, 'stations');
});

test('the viewer goes through the pages by keyboard, and its catalogue and thumbnails go along', async () => {
  const page = await world.login('clerk');
  await page.goto(`${world.url}/archives/${archiveId}`);
  await page.waitForSelector('[data-test=page]');
  await page.keyboard.press('PageDown');
  await page.waitForSelector('.viewer >> text=第 2 页，共 4 页');
  await holds(page, "document.querySelector('[data-test=page]')?.naturalWidth > 0");
  await holds(page, "[...document.querySelectorAll('.viewer img')].every((one) => one.complete)");
  expect(await page.locator('.viewer .branch').allInnerTexts()).toHaveLength(4);
  await shot(page, 'viewer');
});

test('a system administrator sees how each member is reached, and until when the certificates are good', async () => {
  const page = await world.login('sysadmin');
  await page.click('nav >> text=覆盖网络');
  await page.waitForSelector('[data-test=overlay-members] tbody:not(:has(:text("无路径")))');
  expect(await page.locator('[data-test=overlay-members] tbody tr').count()).toBe(DEMO_MEMBERS.length);
  await shot(page, 'overlay');
});

test('what is stuck comes first, with its cause and what to do; it goes on by itself once that is done', async () => {
  const node = world.raised.consortium.parts.get('node-yz1')!;
  await node.stop();
  const batch = await world.sent(visitOf('YZ194002', '韩子安'), ['病案首页', '医嘱'], 1100);
  const page = await world.login('sysadmin');
  await toldOnly(page);
  await page.goto(`${world.url}/workflows`);
  const stuck = page.locator('tbody tr:has-text("ledger-unavailable")');
  await stuck.first().waitFor({ timeout: 0 });
  expect(await stuck.first().innerText()).toContain('检查本单位账本节点');
  expect(await axe(page)).toEqual([]);
  await shot(page, 'workflows');
  await stuck.first().locator('button.link').click();
  await page.waitForSelector('.el-drawer .el-timeline-item');
  await shot(page, 'workflow');
  await page.keyboard.press('Escape');
  await page.waitForSelector('.el-drawer', { state: 'hidden' });

  await node.start();
  expect((await waitForEnd(world.raised.client, batch)).state).toBe('attested');
  await stuck.first().waitFor({ state: 'detached', timeout: 0 });
});

test('a filter of the archives is kept by a name, chosen again, and forgotten', async () => {
  const page = await world.login('clerk');
  await page.goto(`${world.url}/archives`);
  await page.fill('input[aria-label="科室"]', '呼吸科');
  await page.keyboard.press('Enter');
  await page.waitForURL('**/archives?department=*');
  await page.click('button:has-text("常用筛选")');
  await page.click('[data-test=save-filter]');
  await page.fill('.el-message-box input', '呼吸科出院');
  await page.click('.el-message-box button:has-text("保存筛选")');
  await page.waitForSelector('.el-popover >> text=呼吸科出院');
  await page.goto(`${world.url}/archives`);
  await page.click('button:has-text("常用筛选")');
  await page.click('.el-popover >> text=呼吸科出院');
  await page.waitForURL(`**/archives?department=${encodeURIComponent('呼吸科')}`);
  expect(await page.inputValue('input[aria-label="科室"]')).toBe('呼吸科');
  await page.click('button[aria-label="删除筛选 呼吸科出院"]');
  await page.waitForSelector('.el-popover >> text=还没有保存的筛选');
});

test('what waiting does not repair waits for a person; put right, it goes on at their word, with a reason', async () => {
  const visit = visitOf('YZ194003', '沈立夏');
  const id = await world.archived(visit, ['病案首页', '医嘱'], 1200);
  const mongo = await MongoClient.connect(world.raised.mongoUri);
  try {
    const db = mongo.db('sealfolio-yz1');
    const version = await db.collection('archiveVersions').findOne({ archiveId: id, version: 1 });
    const place = { files_id: version!.documents[0].objectId, n: 0 };
    const chunks = db.collection('objects.chunks');
    const whole = (await chunks.findOne(place))!.data;
    const damaged = Buffer.from(whole.buffer);
    damaged[100]! ^= 1;
    await chunks.updateOne(place, { $set: { data: damaged } });
    const late = { ...visit, reason: '补扫护理记录' };
    await world.sent(late, ['护理记录'], 1210);

    const page = await world.login('clerk');
    await page.goto(`${world.url}/workflows`);
    const waiting = page.locator('tbody tr:has-text("object-integrity")');
    await waiting.waitFor({ timeout: 0 });
    expect(await waiting.innerText()).toContain('重新扫描该文件');
    await page.click('[data-test=attention-kind]');
    await page.click('.el-select-dropdown__item:visible >> text=超过时限');
    await page.waitForSelector('text=没有符合条件的流程');
    await page.click('[data-test=attention-kind]');
    await page.click('.el-select-dropdown__item:visible >> text=待人工处理');
    await page.waitForURL('**/workflows?attention=waiting');
    await waiting.locator('button.link').click();
    await page.click('[data-test=workflow-reassign]');
    await page.click('[data-test=reassign-who]');
    await page.click('.el-select-dropdown__item:visible >> text=罗敏 (clerk2)');
    await page.fill('#reassign-reason', '值班');
    expect(await axe(page)).toEqual([]);
    await shot(page, 'workflow-reassign');
    await page.click('[data-test=reassign-send]');
    await page.waitForSelector('.el-drawer >> text=指定 clerk2 负责：值班');
    await page.waitForSelector('.el-drawer .el-timeline-item');
    // Restored from the backup, say.
    await chunks.updateOne(place, { $set: { data: whole } });
    await page.click('[data-test=workflow-retry]');
    await page.waitForSelector('.el-message-box');
    await page.click('.el-message-box .el-button--primary');
    await page.waitForSelector('.el-message-box >> text=请填写此项');
    await page.fill('.el-message-box input', '原件已从备份恢复');
    await page.waitForSelector('.el-message-box >> text=请填写此项', { state: 'hidden' });
    expect(await axe(page)).toEqual([]);
    await shot(page, 'workflow-retry');
    await page.keyboard.press('Enter');
    const archive = () =>
      world.raised.client.call<{ state: string; currentVersion: number }>('GET', `/api/v1/archives/${id}`);
    await until(async () => {
      const { state, currentVersion } = await archive();
      return currentVersion === 2 && state === 'attested';
    }, 60_000);
    const trace = db.collection('trace');
    expect(await trace.countDocuments({ action: 'workflow.retry', archiveId: id })).toBe(1);
  } finally {
    await mongo.close();
  }
});

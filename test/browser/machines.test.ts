import { waitForEnd } from '../../ops/ingest/send.ts';
import { DEMO_MEMBERS } from '../../ops/launch/layout.ts';
import { axe, BrowserWorld, shot } from '../fixtures/browser.ts';

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
  await page.waitForFunction("document.querySelector('[data-test=page]')?.naturalWidth > 0");
  await page.waitForFunction("[...document.querySelectorAll('.viewer img')].every((one) => one.complete)");
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
  await page.click('nav >> text=流程');
  const stuck = page.locator('tbody tr:has-text("ledger-unavailable")');
  const look = async (isDone: () => Promise<boolean>) => {
    while (!(await isDone())) {
      await page.click('button:has-text("刷新")');
      await page.waitForLoadState('networkidle');
    }
  };
  await look(async () => (await stuck.count()) > 0);
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
  await look(async () => (await stuck.count()) === 0);
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { scanOf } from '../../ops/demo/scans.ts';
import { scanFolder } from '../../ops/ingest/scan-folder.ts';
import { sendVisit, waitForEnd } from '../../ops/ingest/send.ts';
import { DEMO_MEMBERS } from '../../ops/launch/layout.ts';
import { axe } from '../fixtures/browser.ts';
import { raiseConsortium } from '../fixtures/consortium.ts';

let raised: Awaited<ReturnType<typeof raiseConsortium>>;
let browser: Browser;
let dir: string;
let archiveId: string;
const HOSPITAL = '云州市第一人民医院';

beforeAll(async () => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'sealfolio-browser-'));
  raised = await raiseConsortium(['yz1']);
  for (const [i, name] of ['1 病案首页', '2 医嘱', '3 护理记录'].entries())
    writeFileSync(path.join(dir, `${name}.jpg`), await scanOf(name.slice(2), HOSPITAL, 100 + i));
  const visit = {
    patientNo: 'YZ1900001',
    visitNo: '1',
    patientName: '方若晴',
    department: '骨科',
    dischargedAt: '2026-11-20T02:00:00Z',
  };
  writeFileSync(path.join(dir, 'visit.json'), JSON.stringify(visit));
  const [scanned] = await scanFolder(dir);
  ({ archiveId } = await waitForEnd(raised.client, await sendVisit(raised.client, scanned!)));
  browser = await chromium.launch({ executablePath: process.env.TEST_CHROMIUM!, args: ['--no-sandbox'] });
});
afterAll(async () => {
  await browser.close();
  await raised.end();
  rmSync(dir, { recursive: true, force: true });
});

let page: Page;
let faults: string[];
beforeEach(async () => {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    locale: 'zh-CN',
    colorScheme: 'light',
    reducedMotion: 'reduce',
  });
  page = await context.newPage();
  faults = [];
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => {
    // A page asks who is logged in, and 401 is the answer while nobody is.
    if (message.type() === 'error' && !message.text().includes('401')) faults.push(message.text());
  });
});
afterEach(async () => {
  await page.context().close();
  expect(faults).toEqual([]);
});

async function login(username: string): Promise<void> {
  await page.goto(raised.consortium.url('yz1'));
  await page.fill('#username', username);
  await page.fill('#password', raised.consortium.made.demoPassword);
  await page.click('button[type=submit]');
  await page.waitForSelector('header .user');
}

test('a wrong password is told, and nothing typed is lost', async () => {
  await page.goto(raised.consortium.url('yz1'));
  await page.fill('#username', 'clerk');
  await page.fill('#password', 'wrong');
  await page.click('button[type=submit]');
  await page.waitForSelector('.refusal:has-text("不正确")');
  expect(await page.inputValue('#username')).toBe('clerk');
});

test('a clerk finds an archive, reads it page by page, and checks its receipt in the browser', async () => {
  await login('clerk');
  await page.click('nav >> text=档案');
  await page.click('text=方若晴');
  const image = page.locator('[data-test=page]');
  await image.waitFor();
  await page.waitForFunction("document.querySelector('[data-test=page]').naturalWidth > 0");
  expect(await page.evaluate("document.querySelector('[data-test=page]').naturalWidth")).toBe(1240);
  await page.keyboard.press('ArrowRight');
  await page.waitForSelector('text=第 2 页，共 3 页');
  expect(await page.locator('.tree .branch').allInnerTexts()).toHaveLength(3);
  await page.waitForSelector('.timeline >> text=全网存证完成');
  await page.click('[data-test=check]');
  await page.waitForSelector('[data-test=verdict][data-verdict=valid]');
  expect(await page.locator('[data-test=verdict] li.pass').count()).toBe(8);
});

test('a clerk sends files from the browser; they are archived', async () => {
  await login('clerk');
  await page.click('nav >> text=接收');
  await page.waitForSelector('[data-test=send]');
  await page.click('[data-test=send]');
  expect(await page.locator('.fault:has-text("请填写此项")').count()).toBe(4);
  const field = (label: string) => page.locator('.fields label', { hasText: label }).locator('input');
  await field('病案号').fill('YZ1900777');
  await field('姓名').fill('陆明远');
  await field('出院时间').fill('2026-11-22T10:00');
  await page.setInputFiles('[data-test=files]', [path.join(dir, '1 病案首页.jpg'), path.join(dir, '2 医嘱.jpg')]);
  await page.click('[data-test=send]');
  await page.waitForSelector('[data-test=sent]');
  await page.click('[data-test=sent] a');
  await page.waitForSelector('.title-line >> text=已存证', { timeout: 60_000 });
});

test('anyone checks a receipt without logging in; one changed bit is named', async () => {
  const base = `/api/v1/archives/${archiveId}`;
  const [receipt, ofd] = [
    await raised.client.download(`${base}/receipt`),
    await raised.client.download(`${base}/package`),
  ];
  await page.goto(`${raised.consortium.url('yz1')}/verify`);
  const check = async (bytes: Buffer, verdict: string) => {
    await page.setInputFiles('[data-test=receipt]', { name: 'r.json', mimeType: 'application/json', buffer: receipt });
    await page.setInputFiles('[data-test=file]', { name: 'a.ofd', mimeType: 'application/ofd', buffer: bytes });
    await page.click('button[type=submit]');
    await page.waitForSelector(`[data-test=verdict][data-verdict=${verdict}]`);
  };
  await check(ofd, 'valid');
  const changed = Buffer.from(ofd);
  changed[5000]! ^= 1;
  await check(changed, 'invalid');
  await page.waitForSelector('text=核验未通过：文件摘要');
});

test('a system administrator sees the services, and no archives', async () => {
  await login('sysadmin');
  await page.waitForSelector('[data-test=service-card] >> text=正常');
  expect(await page.locator('nav a').allInnerTexts()).toEqual([
    '接收',
    '用户',
    '科室',
    '系统状态',
    '覆盖网络',
    '流程',
    '核验回执',
  ]);
  await page.goto(`${raised.consortium.url('yz1')}/archives`);
  await page.waitForSelector('text=没有权限');
});

test('a system administrator sees how each member is reached', async () => {
  await login('sysadmin');
  await page.click('nav >> text=覆盖网络');
  await page.waitForSelector('[data-test=overlay-members] tr:has-text("云州市第一人民医院") >> text=本院');
  const members = page.locator('[data-test=overlay-members] tbody tr');
  await page.waitForSelector('[data-test=overlay-members] tbody:not(:has(:text("无路径")))');
  expect(await members.count()).toBe(DEMO_MEMBERS.length);
});

test('an auditor reads the trail', async () => {
  await login('auditor');
  await page.waitForSelector('tbody tr');
  expect(await page.locator('tbody').innerText()).toContain('登录');
});

test('dark, English, and back', async () => {
  await login('clerk');
  await page.click('header button[lang=en]');
  await page.waitForSelector('nav >> text=Archives');
  await page.click('[aria-label="Switch dark or light"]');
  expect(await page.locator('html').getAttribute('class')).toContain('dark');
});

test.each([
  ['/login', null],
  ['/verify', null],
  ['/archives', 'clerk'],
  ['/archives/{id}', 'clerk'],
  ['/ingest', 'clerk'],
  ['/status', 'sysadmin'],
  ['/overlay', 'sysadmin'],
  ['/trace', 'auditor'],
  ['/workflows', 'sysadmin'],
])('%s meets WCAG 2 AA by axe, and fits a phone', async (target, username) => {
  if (username !== null) await login(username);
  await page.goto(raised.consortium.url('yz1') + target.replace('{id}', archiveId));
  await page.waitForLoadState('networkidle');
  expect(await axe(page)).toEqual([]);
  await page.setViewportSize({ width: 390, height: 844 });
  const overflow = await page.evaluate('document.documentElement.scrollWidth - window.innerWidth');
  expect(overflow).toBeLessThanOrEqual(0);
});

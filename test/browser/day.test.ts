import { scanOf } from '../../ops/demo/scans.ts';
import { DEMO_MEMBERS } from '../../ops/launch/layout.ts';
import { BrowserWorld, expectSound, holds } from '../fixtures/browser.ts';

/** A page asks who is logged in, and 401 is the answer while nobody is. */
const world = new BrowserWorld(/401/);
let archiveId: string;

beforeAll(async () => {
  await world.start();
  const visit = { patientNo: 'YZ1900001', patientName: '方若晴', department: '骨科' };
  archiveId = await world.archived(visit, ['病案首页', '医嘱', '护理记录'], 100);
});
afterAll(() => world.stop());
afterEach(async () => expect(await world.close()).toEqual([]));

test('a wrong password is told, and nothing typed is lost', async () => {
  const page = await world.open();
  await page.goto(world.url);
  await page.fill('#username', 'clerk');
  await page.fill('#password', 'wrong');
  await page.click('button[type=submit]');
  await page.waitForSelector('.refusal:has-text("不正确")');
  expect(await page.inputValue('#username')).toBe('clerk');
});

test('a clerk finds an archive, reads it page by page, and checks its receipt in the browser', async () => {
  const page = await world.login('clerk');
  await page.click('nav >> text=档案');
  await page.click('text=方若晴');
  const image = page.locator('[data-test=page]');
  await image.waitFor();
  await holds(page, "document.querySelector('[data-test=page]').naturalWidth > 0");
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
  const page = await world.login('clerk');
  await page.click('nav >> text=接收');
  await page.waitForSelector('[data-test=send]');
  await page.click('[data-test=send]');
  expect(await page.locator('.fault:has-text("请填写此项")').count()).toBe(4);
  const field = (label: string) =>
    page.locator('.fields label', { hasText: new RegExp(`^\\s*${label}`) }).locator('input');
  await field('病案号').fill('YZ1900777');
  await field('姓名').fill('陆明远');
  await field('出院时间').fill('2026-11-22T10:00');
  const jpegs = ['病案首页', '医嘱'].map(async (name, i) => ({
    name: `${i + 1} ${name}.jpg`,
    mimeType: 'image/jpeg',
    buffer: await scanOf(name, '云州市第一人民医院', 100 + i),
  }));
  await page.setInputFiles('[data-test=files]', await Promise.all(jpegs));
  await page.click('[data-test=send]');
  await page.waitForSelector('[data-test=sent]');
  await page.click('[data-test=sent] a');
  await page.waitForSelector('.title-line >> text=已存证', { timeout: 60_000 });
});

test('anyone checks a receipt without logging in; one changed bit is named', async () => {
  const base = `/api/v1/archives/${archiveId}`;
  const [receipt, ofd] = [
    await world.raised.client.download(`${base}/receipt`),
    await world.raised.client.download(`${base}/package`),
  ];
  const page = await world.open();
  await page.goto(`${world.url}/verify`);
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
  const page = await world.login('sysadmin');
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
  await page.goto(`${world.url}/archives`);
  await page.waitForSelector('text=没有权限');
});

test('a system administrator sees how each member is reached', async () => {
  const page = await world.login('sysadmin');
  await page.click('nav >> text=覆盖网络');
  await page.waitForSelector('[data-test=overlay-members] tr:has-text("云州市第一人民医院") >> text=本院');
  const members = page.locator('[data-test=overlay-members] tbody tr');
  await page.waitForSelector('[data-test=overlay-members] tbody:not(:has(:text("无路径")))');
  expect(await members.count()).toBe(DEMO_MEMBERS.length);
});

test('an auditor reads the trail', async () => {
  const page = await world.login('auditor');
  await page.waitForSelector('tbody tr');
  expect(await page.locator('tbody').innerText()).toContain('登录');
});

test('dark, English, and back', async () => {
  const page = await world.login('clerk');
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
])('%s meets WCAG 2 AA by axe, light and dark, and fits a phone', async (target, username) => {
  const page = username === null ? await world.open() : await world.login(username);
  await page.goto(world.url + target.replace('{id}', archiveId));
  await page.waitForLoadState('networkidle');
  await expectSound(page);
});

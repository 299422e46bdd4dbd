import { BrowserWorld, DESK, expectSound, holds, shot } from '../fixtures/browser.ts';

const world = new BrowserWorld();
beforeAll(() => world.start());
afterAll(() => world.stop());
afterEach(async () => expect(await world.close()).toEqual([]));

const NEXT = '山高水长 2026 年的一句话';

test('the day of the administrators: one makes the account, one gives the role, one reads what they did', async () => {
  const system = await world.login('sysadmin');
  await system.click('nav >> text=科室');
  await system.fill('[data-test=department-name] input, input[data-test=department-name]', '眼科');
  await system.click('button:has-text("新建科室")');
  await system.waitForSelector('td:has-text("眼科")');
  await shot(system, 'departments');
  await system.click('nav >> text=用户');
  await system.click('[data-test=new-user]');
  await system.fill('#new-username', 'liu.yan');
  await system.fill('#display-name', '刘彦');
  await system.fill('#related', 'YZ1900002');
  await system.click('[data-test=save-user]');
  await system.click('[data-test=invite]');
  const code = (await system.locator('[data-test=code]').innerText()).trim();
  await shot(system, 'user-activation');

  const person = await world.open();
  await person.goto(`${world.url}/activate`);
  await person.fill('#username', 'liu.yan');
  await person.fill('#code', code);
  await person.fill('#password', NEXT);
  await shot(person, 'activate');
  await person.click('button[type=submit]');
  await person.waitForURL('**/login');

  const security = await world.login('secadmin');
  await security.click('nav >> text=用户');
  await security.click('button:has-text("刘彦")');
  await security.click('.el-checkbox:has-text("医生")');
  await security.click('.el-checkbox:has-text("审计员")');
  expect(await security.locator('[data-test=grant]').isDisabled()).toBe(true);
  await security.click('.el-checkbox:has-text("审计员")');
  await security.fill('#grant-reason', '眼科新入职');
  await shot(security, 'user-roles');
  await security.click('[data-test=grant]');
  await security.waitForSelector('tr:has-text("刘彦") >> text=医生');

  await person.fill('#username', 'liu.yan');
  await person.fill('#password', NEXT);
  await person.click('button[type=submit]');
  await person.waitForSelector('nav >> text=档案');

  const auditor = await world.login('auditor');
  await auditor.click('nav >> text=追溯');
  await auditor.waitForSelector('tr:has-text("secadmin"):has-text("授予角色")');
  await auditor.waitForSelector('tr:has-text("sysadmin"):has-text("新建账号")');
  await shot(auditor, 'trace');
});

test('a second factor is set up with an authenticator, and asked for at the next login', async () => {
  const { TOTP } = await import('otpauth');
  const page = await world.login('head');
  await page.goto(`${world.url}/account`);
  await page.fill('#totp-password', world.raised.consortium.made.demoPassword);
  await page.click('[data-test=totp]');
  const secret = (await page.locator('[data-test=code]').innerText()).trim();
  await shot(page, 'totp');
  await page.fill('#totp-code', new TOTP({ secret }).generate());
  await page.click('[data-test=totp]');
  await page.waitForSelector('text=已绑定。');
  await shot(page, 'account');

  const again = await world.open();
  await again.goto(world.url);
  await again.fill('#username', 'head');
  await again.fill('#password', world.raised.consortium.made.demoPassword);
  await again.click('button[type=submit]');
  await again.fill('#code', new TOTP({ secret }).generate({ timestamp: Date.now() + 30_000 }));
  await again.click('button[type=submit]');
  await again.waitForSelector('header .user');
});

test('a long list of people goes on page by page, and stays so after a change', async () => {
  const api = await world.person('sysadmin');
  for (let n = 100; n < 160; n += 1)
    await api.ok('post', '/users', { username: `zz.${n}`, displayName: `进修医生${n}`, relatedPatientNos: [] });
  const page = await world.login('sysadmin');
  await page.goto(`${world.url}/users`);
  const rows = page.locator('tbody tr');
  await holds(page, "document.querySelectorAll('tbody tr').length === 50");
  expect(await page.locator('tr:has-text("zz.159")').count()).toBe(0);
  await page.click('button:has-text("继续加载")');
  await page.waitForSelector('tr:has-text("zz.159")');
  const shown = await rows.count();
  expect(shown).toBeGreaterThanOrEqual(60);
  expect(await page.locator('button:has-text("继续加载")').count()).toBe(0);
  await page.click('button:has-text("进修医生159")');
  await page.fill('#display-name', '进修医生改');
  await page.click('[data-test=save-user]');
  await page.waitForSelector('tr:has-text("zz.159"):has-text("进修医生改")');
  expect(await rows.count()).toBe(shown);
});

test.each([
  ['/activate', null],
  ['/setup', null],
  ['/users', 'sysadmin'],
  ['/departments', 'sysadmin'],
  ['/deputies', 'secadmin'],
  ['/account', 'clerk'],
])(
  '%s meets WCAG 2 AA by axe, light and dark, its button under the mouse too, and fits a phone',
  async (target, username) => {
    const page = username === null ? await world.open() : await world.login(username);
    await page.goto(world.url + target);
    await page.waitForLoadState('networkidle');
    for (const button of (await page.locator('.el-button--primary:not(.is-link)').all()).slice(0, 1))
      await button.hover();
    await expectSound(page, { readAt: [DESK] });
  },
);

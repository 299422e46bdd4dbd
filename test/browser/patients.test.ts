import { BrowserWorld, DESK, expectSound } from '../fixtures/browser.ts';

const world = new BrowserWorld();
beforeAll(() => world.start());
afterAll(() => world.stop());
afterEach(async () => expect(await world.close()).toEqual([]));

test('新生儿: registered with its mother’s number; the page of each leads to the other', async () => {
  const department = '产科';
  const mother = await world.archived({ patientNo: 'YZ195001', patientName: '样例乙', department }, ['病案首页'], 950);
  const visit = { patientNo: 'YZ195002', patientName: '样例乙之子', department, motherPatientNo: 'YZ195001' };
  const child = await world.archived(visit, ['病案首页'], 951);
  const clerk = await world.login('clerk');
  await clerk.goto(`${world.url}/archives?department=${encodeURIComponent(department)}`);
  await clerk.click('tbody tr:has-text("新生儿") >> a');
  await clerk.waitForURL(`${world.url}/archives/${child}`);
  await clerk.waitForSelector('[data-test=newborn]');
  await expectSound(clerk);
  await clerk.setViewportSize(DESK);
  await clerk.click('[data-test=kin] >> text=样例乙 YZ195001');
  await clerk.waitForURL(`${world.url}/archives/${mother}`);
  await clerk.waitForSelector('.title-line >> text=YZ195001');
  expect(await clerk.locator('[data-test=newborn]').count()).toBe(0);
  await clerk.click('[data-test=kin] >> text=样例乙之子 YZ195002');
  await clerk.waitForURL(`${world.url}/archives/${child}`);

  // Mistyped: it is corrected as what else was registered.
  await clerk.click('[data-test=correct]');
  await clerk.fill('#correction-mother', 'YZ195002');
  await clerk.fill('#correction-reason', '与分娩记录核对');
  await clerk.click('[data-test=send-correction]');
  await clerk.waitForSelector('#correction-mother-fault >> text=新生儿的病案号与母亲的不同');
  await clerk.fill('#correction-mother', 'YZ195009');
  await clerk.click('[data-test=send-correction]');
  await clerk.waitForSelector('[data-test=corrections] >> text=YZ195009');
});

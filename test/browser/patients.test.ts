import { axe, BrowserWorld, checkProof, DESK, expectSound, shot } from '../fixtures/browser.ts';

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

test('患者合并: a clerk asks, 医务科 approves; the archive says both numbers and is found by either; split again', async () => {
  const department = '骨科';
  const old = await world.archived({ patientNo: 'YZ196001', patientName: '样例丙', department }, ['病案首页'], 960);
  await world.archived({ patientNo: 'YZ196002', patientName: '样例丙', department }, ['病案首页'], 961);
  const clerk = await world.login('clerk');
  await clerk.goto(`${world.url}/archives/${old}`);
  await clerk.click('[data-test=merge]');
  await clerk.waitForSelector('#merge-surviving');
  expect(await clerk.isDisabled('[data-test=send-merge]')).toBe(true);
  await clerk.fill('#merge-surviving', 'YZ196999');
  await clerk.fill('#merge-reason', '身份证件相同，重复建号');
  await clerk.click('[data-test=send-merge]');
  await clerk.waitForSelector('text=没有此病案号的病案');
  await clerk.waitForSelector('.el-message', { state: 'detached' });
  await clerk.fill('#merge-surviving', 'YZ196002');
  await shot(clerk, 'merge');
  expect(await axe(clerk)).toEqual([]);

  const medical = await world.login('medical');
  await medical.goto(`${world.url}/corrections`);
  await medical.waitForSelector('[data-test=waiting-corrections]');
  await clerk.click('[data-test=send-merge]');
  await clerk.waitForSelector('[data-test=merges] >> text=待审批');
  // It comes up without asking.
  await medical.waitForSelector('[data-test=waiting-merges] >> text=YZ196002');
  await medical.click('.bell');
  await medical.waitForSelector('.el-popover >> text=患者合并或拆分待您审批');
  await medical.keyboard.press('Escape');
  await expectSound(medical);
  await medical.setViewportSize(DESK);
  await medical.click('[data-test=approve-merge]');
  await medical.click('.el-message-box__btns >> text=批准');
  await medical.waitForSelector('[data-test=waiting-merges]', { state: 'detached' });

  await clerk.waitForSelector('[data-test=current-no] >> text=现病案号 YZ196002');
  await clerk.waitForSelector('[data-test=check-merge]');
  expect(await checkProof(clerk, '[data-test=check-merge]')).toMatchObject({ state: 'valid' });
  await clerk.hover('h1');
  await shot(clerk, 'merged');
  await expectSound(clerk);
  await clerk.setViewportSize(DESK);
  await clerk.click('[data-test=merges] >> text=查看该患者的全部病案');
  await clerk.waitForSelector('tbody >> text=原病案号 YZ196001');
  await clerk.waitForSelector('tbody >> text=现病案号 YZ196002');
  expect(await clerk.locator('tbody tr').count()).toBe(2);
  await expectSound(clerk);
  await clerk.setViewportSize(DESK);

  await clerk.goto(`${world.url}/archives/${old}`);
  await clerk.click('[data-test=split-merge]');
  await clerk.fill('.el-message-box input', '同名同生日，不是同一人');
  await clerk.click('.el-message-box__btns >> text=拆分');
  await medical.waitForSelector('[data-test=waiting-merges] >> text=拆分');
  await medical.click('[data-test=approve-merge]');
  await medical.click('.el-message-box__btns >> text=批准');
  await clerk.waitForSelector('[data-test=current-no]', { state: 'detached' });
});

import { axe, BrowserWorld, expectSound, shot } from '../fixtures/browser.ts';

const world = new BrowserWorld();
let archiveId: string;

beforeAll(async () => {
  await world.start();
  const visit = { patientNo: 'YZ197001', patientName: '秦晓岚', department: '骨科' };
  archiveId = await world.archived(visit, ['病案首页', '医嘱'], 970);
});
afterAll(() => world.stop());
afterEach(async () => expect(await world.close()).toEqual([]));

test('the records room enters a front page, sees what is wrong with it, puts it right, and finds it in the list', async () => {
  const clerk = await world.login('clerk');
  await clerk.goto(`${world.url}/archives/${archiveId}`);
  const panel = clerk.locator('[data-test=front-page]');
  await panel.locator('text=未检查').waitFor();
  await clerk.click('[data-test=enter-front-page]');
  const field = (name: string) => `[data-test=front-page-${name}]`;
  await clerk.waitForSelector(field('name'));
  // What the archive is registered with is there already.
  expect(await clerk.inputValue(field('name'))).toBe('秦晓岚');
  expect(await clerk.inputValue(field('dischargedAt'))).not.toBe('');
  await clerk.selectOption(field('sex'), 'female');
  await clerk.fill(field('birthDate'), '1980-01-02');
  await clerk.fill(field('idNumber'), '440101198001010011');
  await clerk.fill(field('admittedAt'), '2020-01-01T09:00');
  await clerk.fill(field('mainDiagnosis'), '股骨颈骨折');
  await clerk.fill(field('mainDiagnosisCode'), 'S72.0');
  await clerk.fill(field('birthWeightGrams'), '3005');
  await shot(clerk, 'front-page');
  expect(await axe(clerk)).toEqual([]);
  await clerk.click('[data-test=save-front-page]');
  await panel.locator('text=有问题').waitFor();
  await panel.locator('text=损伤中毒外部原因编码：主要诊断为损伤或中毒，必须填写').waitFor();
  await panel.locator('text=新生儿出生体重（克）：应精确到 10 克').waitFor();
  await clerk.hover('h1');
  await shot(clerk, 'front-page-faulty');
  await expectSound(clerk);

  // Someone else is first: named, and nothing typed is lost.
  await clerk.setViewportSize({ width: 1280, height: 800 });
  await clerk.click('[data-test=enter-front-page]');
  await clerk.waitForSelector(field('externalCauseCode'));
  await clerk.fill(field('idNumber'), '');
  await clerk.fill(field('birthWeightGrams'), '');
  await clerk.fill(field('externalCauseCode'), 'W01.0');
  const clerk2 = await world.person('clerk2');
  await clerk2.ok('put', `/archives/${archiveId}/front-page`, { base: 1, page: { name: '秦晓岚' } });
  await clerk.click('[data-test=save-front-page]');
  await clerk.waitForSelector('[data-test=front-page-conflict]');
  expect(await clerk.inputValue(field('externalCauseCode'))).toBe('W01.0');
  await clerk.click('[data-test=save-front-page]');
  await panel.locator('text=通过').waitFor();
  await clerk.click('[data-test=enter-front-page]');
  await clerk.waitForSelector(field('mainDiagnosis'));
  expect(await clerk.inputValue(field('mainDiagnosis'))).toBe('股骨颈骨折');
  await clerk.keyboard.press('Escape');

  await clerk.goto(`${world.url}/archives?frontPage=passed`);
  await clerk.waitForSelector('tbody >> text=秦晓岚');
  expect(await clerk.locator('tbody tr').count()).toBe(1);
  await clerk.goto(`${world.url}/archives?frontPage=faulty`);
  await clerk.waitForSelector('text=没有符合条件的档案');
});

test('whoever borrows sees how it stands, and not what it says', async () => {
  const doctor = await world.login('doctor');
  await doctor.goto(`${world.url}/archives/${archiveId}`);
  await doctor.waitForSelector('[data-test=front-page] >> text=通过');
  expect(await doctor.locator('[data-test=enter-front-page]').count()).toBe(0);
});

test('医务科 says by a template that archiving waits for it', async () => {
  const medical = await world.login('medical');
  await medical.goto(`${world.url}/catalog-templates`);
  await medical.waitForSelector('text=首页质控 只提示');
  await medical.click('[data-test=template-add]');
  await medical.selectOption('#template-front-page', 'required');
  await medical.fill('#template-body-effectiveFrom', '2999-01-01');
  await medical.fill('#template-body-reason', '首页质控通过后归档');
  await shot(medical, 'template-front-page');
  expect(await axe(medical)).toEqual([]);
  await medical.click('[data-test=template-publish]');
  await medical.waitForSelector('text=首页质控 通过后归档');
});

import { axe, BrowserWorld, holds, shot } from '../fixtures/browser.ts';

const world = new BrowserWorld();
beforeAll(() => world.start());
afterAll(() => world.stop());
afterEach(async () => expect(await world.close()).toEqual([]));

test('抢救 of what is still taken in: the viewer says that it is not archived, and opens by itself once it is', async () => {
  const [doctor, clerk] = await Promise.all([world.person('doctor'), world.person('clerk')]);
  const visit = { patientNo: 'YZ195001', patientName: '方若晴', department: '急诊科' };
  const part = {
    ...{ partNo: 1, fileName: 'a.jpg', mediaType: 'image/jpeg', documentType: 'orders' },
    ...{ bytes: 10, sm3: '0'.repeat(64), pageCount: 1 },
  };
  const begun = { batchId: 'taken-in', ...visit, visitNo: '1', dischargedAt: '2026-11-20T02:00:00Z', parts: [part] };
  const { archiveId } = await clerk.ok<{ archiveId: string }>('post', '/batches', begun);
  const { results } = await doctor.ok<{ results: { loanId: string }[] }>('post', '/loans', {
    ...{ purpose: 'treatment', reason: '抢救', days: 1, rights: ['view'], emergency: true },
    archives: [{ archiveId }],
  });
  const loan = `/loans/${results[0]!.loanId}`;
  await clerk.ok('post', `${loan}/approve`, { taskId: 't1' });
  await doctor.ok('post', `${loan}/start`, {});

  const page = await world.login('doctor');
  await page.goto(`${world.url}/archives/${archiveId}`);
  await page.waitForSelector('[data-test=under-loan]');
  await page.waitForSelector('[data-test=not-archived] >> text=尚未归档，归档后自动打开');
  await shot(page, 'emergency-waits');
  expect(await axe(page)).toEqual([]);

  await world.archived(visit, ['病案首页'], 960);
  await page.waitForSelector('[data-test=page]');
  await holds(page, "(document.querySelector('[data-test=page]')?.naturalWidth ?? 0) > 0");
  expect(await page.locator('[data-test=not-archived]').count()).toBe(0);
});

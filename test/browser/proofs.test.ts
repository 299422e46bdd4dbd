import type { Page } from 'playwright-core';
import { axe, BrowserWorld, checkProof } from '../fixtures/browser.ts';
import { until } from '../fixtures/until.ts';

const world = new BrowserWorld();
let archiveId: string;

beforeAll(async () => {
  await world.start();
  const visit = { patientNo: 'YZ193001', patientName: '方若晴', department: '心内科' };
  archiveId = await world.archived(visit, ['病案首页', '医嘱', '护理记录'], 900);
});
afterAll(() => world.stop());
afterEach(async () => expect(await world.close()).toEqual([]));

type Answer = Record<string, unknown>;
/** From now on the api's answers at this address are changed on their way. */
const falsify = (page: Page, address: RegExp, change: (answer: Answer) => void) =>
  page.route(address, async (route) => {
    const response = await route.fetch();
    const answer = (await response.json()) as Answer;
    change(answer);
    await route.fulfill({ response, json: answer });
  });

/** One digit of a hex text is another. */
const otherDigit = (hex: string) => (hex.startsWith('0') ? '1' : '0') + hex.slice(1);

describe('an event of a loan', () => {
  let loanId: string;
  const CHECK = '[data-test=check-event-1]';

  beforeAll(async () => {
    const doctor = await world.login('doctor');
    await doctor.click('nav >> text=档案');
    await doctor.click('tr:has-text("方若晴") .el-checkbox');
    await doctor.click('[data-test=borrow]');
    await doctor.click('.el-radio-button:has-text("诊疗")');
    await doctor.fill('#reason', '门诊复诊');
    await doctor.click('[data-test=apply]');
    await doctor.waitForSelector('[data-test=results] li');
    const answer = await doctor.evaluate("fetch('/api/v1/loans?view=mine').then((one) => one.json())");
    loanId = (answer as { items: { loanId: string }[] }).items[0]!.loanId;
    await world.close();
  });

  /** The loan's own page once its first event is on the ledger; what `change` does to the api's answers comes first. */
  async function loan(change?: (page: Page) => Promise<unknown>, button = CHECK): Promise<Page> {
    const page = await world.login('doctor');
    await change?.(page);
    do {
      await page.goto(`${world.url}/loans/${loanId}`);
      await page.waitForSelector('.timeline li');
    } while ((await page.locator(button).count()) === 0);
    return page;
  }

  test('passes, step by step, and the timeline keeps the mark', async () => {
    const page = await loan();
    const { state, text } = await checkProof(page, CHECK, 'loan-proof');
    expect(state).toBe('valid');
    expect(text).toMatch(/通过.*自 .* 起未被改动，[34] 家成员共同见证/s);
    expect(await page.locator('.timeline [data-test=proof-state]').getAttribute('data-state')).toBe('valid');
  });

  test('is being checked until the proof is here', async () => {
    const page = await loan();
    let give = () => {};
    const wait = new Promise<void>((done) => (give = done));
    await page.route(/\/events\/1\/proof/, async (route) => {
      await wait;
      await route.continue();
    });
    await page.click(CHECK);
    await page.waitForSelector('[data-test=proof][data-state=running] >> text=核对中');
    give();
    await page.waitForSelector('[data-test=proof][data-state=valid]');
  });

  test.each<[string, RegExp, (answer: Answer) => void, string]>([
    [
      'who did it, as it is shown',
      /\/api\/v1\/loans\/ln_\w+$/,
      (answer) => ((answer.events as { by: string }[])[0]!.by = 'clerk'),
      '页面所示与被存证的内容一致',
    ],
    [
      'the manifest together with what is shown',
      /\/api\/v1\/loans\/ln_/,
      (answer) => {
        const at = '2026-01-01T00:00:00.000Z';
        if (answer.manifest !== undefined) (answer.manifest as Answer).at = at;
        else (answer.events as { at: string }[])[0]!.at = at;
      },
      '被存证的内容与账本记录一致',
    ],
    [
      'a signature of a member',
      /\/proof$/,
      (answer) => {
        const { commit } = answer.ledger as { commit: { signatures: { signature: string }[] } };
        commit.signatures[0]!.signature = otherDigit(commit.signatures[0]!.signature);
      },
      '账本记录由法定多数成员签名',
    ],
    [
      'a key of a member',
      /\/proof$/,
      (answer) => {
        const { members } = answer.ledger as { members: { publicKey: string }[] };
        members[0]!.publicKey = members[1]!.publicKey;
      },
      '账本记录由法定多数成员签名',
    ],
  ])('does not pass if the api changes %s', async (_what, address, change, step) => {
    const page = await loan((one) => falsify(one, address, change));
    const { state, text, failed } = await checkProof(page, CHECK);
    expect(state).toBe('invalid');
    expect(text).toContain('请不要采信');
    expect(failed).toEqual([expect.stringContaining(step)]);
    expect(await page.locator('.timeline [data-test=proof-state]').innerText()).toContain('不通过');
  });

  test('cannot be told without the proof, nor without an anchor; asked again, it passes', async () => {
    const page = await loan();
    await page.route(/\/proof$/, (route) =>
      route.fulfill({
        status: 404,
        json: { code: 'receipt-not-found', status: 404, detail: { zh: '无', en: 'none' } },
      }),
    );
    await page.route('**/api/v1/trust', (route) => route.abort());
    expect(await checkProof(page, CHECK)).toMatchObject({ state: 'unknown', failed: [] });
    await page.unroute(/\/proof$/);
    const { state, text } = await checkProof(page, CHECK);
    expect(state).toBe('unknown');
    expect(text).toContain('缺少信任锚');
    await page.unroute('**/api/v1/trust');
    expect((await checkProof(page, CHECK)).state).toBe('valid');
    // What the browser itself logs of requests that were cut off.
    world.faults = world.faults.filter((fault) => !fault.includes('ERR_FAILED'));
  });

  test('an approval that took branches away passes; it does not if the api gives one of them back', async () => {
    const clerk = await world.login('clerk');
    await clerk.goto(`${world.url}/loans/${loanId}`);
    await clerk.click('[data-test=approve]');
    await clerk.click('[data-test=grant-scope] .el-checkbox:has-text("护理记录")');
    await clerk.click('[data-test=decide]');
    await clerk.waitForSelector('[data-test=withheld]:has-text("护理记录")');
    const check = '[data-test=check-event-2]';
    const page = await loan(undefined, check);
    expect(await page.innerText('[data-test=withheld]')).toBe('不予借阅的目录项：护理记录');
    expect((await checkProof(page, check, 'loan-withheld')).state).toBe('valid');
    await falsify(page, /\/api\/v1\/loans\/ln_\w+$/, ({ events }) => {
      const { grant } = (events as { grant: { given: { scope: { nodes: number[] } } } }[])[1]!;
      grant.given.scope.nodes.push(2);
    });
    await page.reload();
    const { state, failed } = await checkProof(page, check);
    expect([state, failed]).toEqual(['invalid', [expect.stringContaining('页面所示与被存证的内容一致')]]);
  });
});

describe('an edit of a catalogue', () => {
  const CHECK = '[data-test="check-edit-1.1"]';
  let clerk: Page;

  /** The list of edits once the first is on the ledger. */
  async function edits(change?: (page: Page) => Promise<unknown>): Promise<Page> {
    clerk = await world.login('clerk');
    await change?.(clerk);
    do {
      await clerk.goto(`${world.url}/archives/${archiveId}/catalog`);
      await clerk.waitForSelector('.desk .cell');
      if ((await clerk.locator('.title-line').innerText()).includes('1.0')) {
        await clerk.click('#cell-2');
        await clerk.keyboard.press('r');
        await clerk.click('[data-test=save]');
        await clerk.fill('.el-message-box input', '医嘱倒置，已转正');
        await clerk.keyboard.press('Enter');
        await clerk.waitForSelector('.title-line >> text=1.1');
      }
      await clerk.click('[data-test=edits-open]');
      await clerk.waitForSelector('[data-test=edits] li:nth-child(2)');
    } while ((await clerk.locator(CHECK).count()) === 0);
    return clerk;
  }

  test('passes, with the signature of the member', async () => {
    const page = await edits();
    const { state, text } = await checkProof(page, CHECK, 'catalog-proof');
    expect(state).toBe('valid');
    expect(text).toContain('成员对内容的签名');
    expect(await page.locator('[data-test=edits] [data-test=proof-state]').getAttribute('data-state')).toBe('valid');
  });

  test.each<[string, RegExp, (answer: Answer) => void, string]>([
    [
      'the reason, as it is shown',
      /\/api\/.*\/catalog\/edits$/,
      (answer) => ((answer.items as { reason?: string }[])[0]!.reason = '误操作'),
      '页面所示与被存证的内容一致',
    ],
    [
      'the catalogue',
      /\/proof$/,
      (answer) => ((answer.catalog as { nodes: { title: string }[] }).nodes[0]!.title = '病程'),
      '目录与被存证的摘要一致',
    ],
    [
      'the signature',
      /\/proof$/,
      (answer) => (answer.signature = otherDigit(String(answer.signature))),
      '成员对内容的签名',
    ],
  ])('does not pass if the api changes %s', async (_what, address, change, step) => {
    const page = await edits((one) => falsify(one, address, change));
    const { state, failed } = await checkProof(page, CHECK);
    expect(state).toBe('invalid');
    expect(failed).toEqual([expect.stringContaining(step)]);
  });
});

describe('an entry of the trace', () => {
  const PANEL = '.el-drawer';
  beforeAll(async () => {
    const clerk = await world.login('clerk');
    await clerk.goto(`${world.url}/archives/${archiveId}`);
    await clerk.waitForSelector('.title-line');
  });
  /** Opens the first entry that says that someone opened the archive, once it is attested. */
  async function opened(): Promise<Page> {
    const asked = `/trace?archiveId=${archiveId}&kind=open`;
    const person = await world.person('auditor');
    await until(async () => (await person.ok<{ items: { place?: object }[] }>('get', asked)).items.at(-1)?.place);
    const auditor = await world.login('auditor');
    await auditor.goto(world.url + asked);
    await auditor.click('tbody tr >> nth=-1');
    await auditor.waitForSelector(`${PANEL} [data-test=check-entry]`);
    return auditor;
  }
  const verdict = async (page: Page, begins: string) => {
    await page.click('[data-test=check-entry]');
    const shown = page.locator(`[data-test=entry-verdict]:has-text("${begins}")`);
    await shown.waitFor();
    return shown.innerText();
  };

  test('passes, with who vouches for it and since when', async () => {
    const auditor = await opened();
    expect(await verdict(auditor, '此条自')).toMatch(/^此条自 \S+ \S+ 起未被改动，[34] 家成员共同见证$/);
    expect(await axe(auditor)).toEqual([]);
  });

  test('does not, with the step, where the row was changed, or its proof is of another', async () => {
    const auditor = await opened();
    await falsify(auditor, /\/trace\/\d+\/proof$/, ({ row }) => {
      (row as Answer).requestId = 'another';
    });
    expect(await verdict(auditor, '未通过')).toMatch(/^未通过：/);
    await auditor.unroute(/\/trace\/\d+\/proof$/);
    expect(await verdict(auditor, '此条自')).toMatch(/^此条自/);
  });

  test('how many wait for the ledger is said, and that none does once all are attested', async () => {
    const auditor = await world.login('auditor');
    const lagged = (lag: object) =>
      falsify(auditor, /\/trace\?/, (answer) => (answer.lag = { ...(answer.lag as object), ...lag }));
    const shown = auditor.locator('[data-test=trace-lag]');
    await auditor.goto(`${world.url}/trace`);
    await shown.waitFor();
    expect(await shown.innerText()).toMatch(/^[1-9]\d* 条留痕待存证，最早一条 |^留痕已全部存证$/);
    expect(await auditor.locator('[data-test=trace-behind]').count()).toBe(0);

    const longAgo = new Date(Date.now() - 3_600_000).toISOString();
    await lagged({ waiting: 7, since: longAgo, isBehind: true, whenBehind: 'block', behindMinutes: 30 });
    await auditor.reload();
    await auditor.waitForSelector('[data-test=trace-lag] >> text=7 条留痕待存证');
    const behind = await auditor.locator('[data-test=trace-behind]').innerText();
    expect(behind).toContain('30');
    expect(await axe(auditor)).toEqual([]);
    await auditor.unroute(/\/trace\?/);

    await lagged({ waiting: 0, since: null });
    await auditor.reload();
    await auditor.waitForSelector('[data-test=trace-lag] >> text=留痕已全部存证');
  });
});

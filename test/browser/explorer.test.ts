import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { PDFDocument } from 'pdf-lib';
import { type Browser, chromium, type Page } from 'playwright-core';
import { encodeChange, txTypeOf } from '../../chain-node/codec/change.ts';
import { encodeTransaction, signAttestation, signTransaction, txIdOf } from '../../chain-node/codec/transaction.ts';
import { readBarcodes } from '../../platform/barcode/read.ts';
import { sm3 } from '../../platform/crypto/index.ts';
import type { SignedCheckpoint } from '../../verifier/index.ts';
import { axe, holds } from '../fixtures/browser.ts';
import { MEMBERS, Nodes } from '../fixtures/nodes.ts';
import { Rpcs } from '../fixtures/rpc.ts';

const nodes = new Nodes();
const rpcs = new Rpcs(nodes, MEMBERS);
const otherChain = new Nodes();
const otherRpcs = new Rpcs(otherChain, ['yz1']);
let browser: Browser;
/** A file that is attested by its own digest. */
const FILE = randomBytes(300_000);
const KEY = sm3(Buffer.from('key')).toString('hex');
let fileTx: string;
let policyTx: string;
let behindAt: number;

/** Sends a transaction, and waits until the nodes that run have it. */
async function send(encoded: Buffer, txId: string): Promise<void> {
  await nodes.node('yz1').submit(encoded);
  for (const id of nodes.running.keys()) await nodes.final(id, txId);
}

async function attest(sender: string, records: { stream: string; key: Buffer; digest: Buffer }[]): Promise<string> {
  const request = {
    chainId: 'test',
    sender,
    nonce: randomBytes(16),
    records: records.map((record) => ({ ...record, note: Buffer.alloc(0) })),
  };
  const tx = signAttestation(request, nodes.keys.get(sender)!.privateKey);
  const txId = txIdOf(tx).toString('hex');
  await send(encodeTransaction(tx), txId);
  return txId;
}

beforeAll(async () => {
  browser = await chromium.launch({ executablePath: process.env.TEST_CHROMIUM!, args: ['--no-sandbox'] });
  await Promise.all([nodes.startAll(), otherChain.startAll()]);
  await rpcs.startAll();
  await otherRpcs.startAll();
  const other = otherChain.transaction('yz1', ['elsewhere']);
  await otherChain.node('yz1').submit(other.encoded);
  await otherChain.final('yz1', other.txId);
  fileTx = await attest('yz2', [{ stream: 'exports', key: Buffer.from('-1+1'), digest: sm3(FILE) }]);
  for (let i = 0; i < 3; i += 1) {
    const made = nodes.transaction(
      'yz1',
      Array.from({ length: 60 }, (_, n) => `${i} ${n}`),
    );
    await send(made.encoded, made.txId);
  }
  const change = { type: 'policy' as const, height: 0, document: Buffer.from('{"allow":[]}') };
  const policy = signTransaction(
    { chainId: 'test', sender: 'yz3', nonce: randomBytes(16), type: txTypeOf(change), body: encodeChange(change) },
    nodes.keys.get('yz3')!.privateKey,
  );
  policyTx = txIdOf(policy).toString('hex');
  await send(encodeTransaction(policy), policyTx);
  // One node stays behind: its links are cut while the others go on.
  await rpcs.stop('yzp');
  await nodes.stop('yzp');
  await nodes.start('yzp', { cutOff: true });
  await rpcs.start('yzp');
  behindAt = nodes.node('yzp').ledger.height;
  const later = nodes.transaction('yz1', ['while away']);
  await nodes.node('yz1').submit(later.encoded);
  for (const id of ['yz1', 'yz2', 'yz3']) await nodes.final(id, later.txId);
});
afterAll(async () => {
  await browser.close();
  await Promise.all([rpcs.stopAll(), otherRpcs.stopAll()]);
  await Promise.all([nodes.stopAll(), otherChain.stopAll()]);
});

let page: Page;
let faults: string[];
beforeEach(async () => {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    locale: 'zh-CN',
    colorScheme: 'light',
    reducedMotion: 'reduce',
    acceptDownloads: true,
  });
  page = await context.newPage();
  faults = [];
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => {
    // That something is not there, or a node does not answer, is what these tests are about.
    const isMeant = /Failed to load resource|WebSocket connection/.test(message.text());
    if (message.type() === 'error' && !isMeant) faults.push(message.text());
  });
});
afterEach(async () => {
  await page.context().close();
  expect(faults).toEqual([]);
});

const open = (path: string, memberId = 'yz1') => page.goto(rpcs.url(memberId) + path);
async function search(text: string, memberId = 'yz1'): Promise<void> {
  await open('/', memberId);
  await page.keyboard.press('/');
  await page.keyboard.type(text);
  await page.keyboard.press('Enter');
}
const answer = async () => {
  const shown = page.locator('[data-test=answer]');
  await shown.waitFor();
  return { kind: await shown.getAttribute('data-answer'), text: await shown.innerText() };
};
const verdict = (nth = 0) => page.locator('[data-test=checks]:not([data-verdict=running])').nth(nth);

test('blocks are shown as they are made, and the page says from where and as of when', async () => {
  await open('/');
  await page.waitForSelector('[data-test=live][data-live=true]');
  const height = Number(await page.locator('[data-test=height]').innerText());
  expect(await page.locator('[data-test=as-of]').innerText()).toContain(`截至高度 ${height}，来自节点“成员 yz1”`);
  const { encoded, txId } = nodes.transaction('yz2', ['live']);
  await nodes.node('yz2').submit(encoded);
  await nodes.final('yz1', txId);
  await page.waitForSelector(`[data-test=latest] tbody tr:first-child >> text="${height + 1}"`);
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await page.waitForSelector('h1:has-text("区块")');
});

test('a block and a transaction are checked in the browser', async () => {
  const place = await nodes.node('yz1').ledger.store.place(fileTx);
  await open(`/blocks/${place!.height}`);
  await verdict().waitFor();
  expect(await verdict().getAttribute('data-verdict')).toBe('valid');
  expect(await verdict().innerText()).toMatch(/有效签名 [34] 个，共识成员 4 个/);
  await open(`/tx/${fileTx}?record=0`);
  await page.waitForSelector('[data-test=checks][data-verdict=valid] >> nth=1');
  expect(await page.locator('[data-test=checks]').allInnerTexts()).toEqual(
    expect.arrayContaining([
      expect.stringContaining('账本包含证明'),
      expect.stringContaining('发送成员“成员 yz2”的签名'),
    ]),
  );
  await open(`/tx/${policyTx}`);
  await page.waitForSelector('h2:has-text("更换覆盖网络的访问策略")');
  await page.waitForSelector('[data-test=checks][data-verdict=valid]');
  await open('/members');
  await page.waitForSelector('text=1 / 2：成员 yz3');
});

test('a checkpoint that all members signed is checked in the browser', async () => {
  const answer = await fetch(`${rpcs.url('yz1')}/v1/checkpoints?limit=50`);
  const found = (await answer.json()) as SignedCheckpoint[];
  const { height } = found.find(({ signatures }) => signatures.length === MEMBERS.length)!;
  await open('/checkpoints');
  await page.click(`[data-test=checkpoints] tr:has(a:text-is("${height}")) [data-test=check]`);
  await page.waitForSelector('[data-test=checks][data-verdict=valid]');
  // Its block, each signature, all of them; and what the other nodes hold.
  const checked = await page.locator('[data-test=checks] li').allInnerTexts();
  expect(checked.filter((text) => text.includes('的签名'))).toHaveLength(MEMBERS.length);
  expect(checked.filter((text) => text.includes('的检查点与此相同')).length).toBeGreaterThan(0);
});

test('a node that gives a changed block is found out', async () => {
  const { height } = nodes.node('yz1').ledger;
  await page.route(`**/v1/blocks/${height}`, async (route) => {
    const response = await route.fetch();
    const block = (await response.json()) as { header: { timeMs: number } };
    block.header.timeMs += 1;
    await route.fulfill({ response, json: block });
  });
  await open(`/blocks/${height}`);
  await verdict().waitFor();
  expect(await verdict().getAttribute('data-verdict')).toBe('invalid');
  await page.waitForSelector('li.fail >> text=由区块头重新计算的哈希');
});

test('one box finds heights, hashes, transactions, keys, digests and members', async () => {
  const { header } = await nodes.node('yz1').reader.certificate(1);
  const hash = (await nodes.node('yz1').reader.certificate(2)).header.previous.toString('hex');
  const cases: [text: string, selector: string][] = [
    ['1', `h1:has-text("区块 ${header.height}")`],
    [hash, 'h1:has-text("区块 1")'],
    [fileTx, 'h1:has-text("交易")'],
    [sm3(FILE).toString('hex'), '[data-test=found] >> text=记录（摘要相同）'],
    [KEY, '[data-test=found] >> text=记录（键相同）'],
    ['成员 yz3', '[data-test=found] >> text=成员 yz3 (yz3)'],
  ];
  for (const [text, selector] of cases) {
    await search(text);
    await page.waitForSelector(selector);
  }
});

test('does not exist: the node is in sync, and says so with the others', async () => {
  await search('ab'.repeat(32));
  const { kind, text } = await answer();
  expect(kind).toBe('absent');
  expect(text).toContain('不存在');
  expect(text).toContain('成员 yz2：没有');
  await open(`/tx/${'cd'.repeat(32)}`);
  expect((await answer()).kind).toBe('absent');
});

test('not synced: a height above what the node has, on a node that stands still', async () => {
  await open(`/blocks/${behindAt + 1}`, 'yzp');
  const { kind, text } = await answer();
  expect(kind).toBe('behind');
  expect(text).toContain('未同步');
  expect(text).toContain(`到高度 ${behindAt}`);
});

test('the overview says how many validators are linked and may fail, and that writes queue where too few are', async () => {
  await open('/');
  const told = '共识成员 4 名，可容许 1 名故障或作假；本节点连到 3 名（含自身），写入需要 3 名';
  await page.waitForSelector(`[data-test=quorum] >> text=${told}`);
  expect(await page.locator('[data-test=queued]').count()).toBe(0);
  await open('/', 'yzp');
  const banner = page.locator('[data-test=queued]');
  await banner.waitFor();
  expect(await banner.getAttribute('role')).toBe('alert');
  expect(await banner.innerText()).toContain('写入排队：本节点只连到 1 名共识成员（含自身），少于写入所需的 3 名');
});

test('unknown: a node apart from the others cannot say, nor one that is stopped', async () => {
  await open(`/tx/${'ab'.repeat(32)}`, 'yzp');
  const apart = await answer();
  expect(apart).toMatchObject({ kind: 'unknown', text: expect.stringContaining('听不到足够的成员') as string });

  await open('/', 'yz3');
  await page.waitForSelector('[data-test=live][data-live=true]');
  await rpcs.stop('yz3');
  await page.waitForSelector('[data-test=live][data-live=false] >> text=未更新');
  await page.click('nav >> text=成员');
  expect(await answer()).toMatchObject({ kind: 'unknown', text: expect.stringContaining('节点没有应答') as string });
  await rpcs.start('yz3');
  await page.click('[data-test=answer] button');
  await page.waitForSelector('[data-test=members] tbody tr');
  await page.waitForSelector('[data-test=live][data-live=true]');
});

test('unknown: another node has what this one says does not exist', async () => {
  await page.route('**/v1/transactions/*', async (route) => {
    if (!route.request().url().startsWith(rpcs.url('yz1'))) return route.continue();
    const { height } = nodes.node('yz1').ledger;
    const standing = { height, highest: height, syncing: false, linked: true };
    await route.fulfill({ status: 404, json: { code: 'not-found', reason: 'no such transaction', ...standing } });
  });
  await open(`/tx/${fileTx}`);
  const { kind, text } = await answer();
  expect(kind).toBe('unknown');
  expect(text).toContain('节点说法不一');
});

test('compares nodes: the same, one that has not got so far, and one on another chain', async () => {
  await open(`/compare?height=${behindAt + 1}`);
  await page.waitForSelector('[data-test=compared][data-kind=same] >> text=另有 1 个节点没有给出此高度');
  expect(await page.locator('[data-test=state-found]').count()).toBe(3);
  await page.waitForSelector('[data-test=state-behind] >> text=未同步');
  await page.fill('[data-test=address]', 'nonsense');
  await page.click('[data-test=add-node]');
  await page.waitForSelector('[role=alert]');
  await page.fill('[data-test=address]', otherRpcs.url('yz1'));
  await page.click('[data-test=add-node]');
  await page.fill('[data-test=compare-height]', '1');
  await page.click('[data-test=compare]');
  await page.waitForSelector('[data-test=compared][data-kind=otherChain]');
  for (const row of ['genesisHash', 'hash', 'membersHash'])
    expect(await page.locator(`[data-test=row-${row}]`).getAttribute('data-differs')).toBe('true');
  expect(await page.locator('[data-test=row-hash] td.odd').count()).toBe(1);
});

const drop = (name: string, buffer: Buffer) =>
  page.setInputFiles('[data-test=files]', { name, mimeType: 'application/octet-stream', buffer });
const report = async () => {
  await page.click('[data-test=check]');
  const shown = page.locator('[data-test=report]');
  await shown.waitFor();
  return {
    verdict: await shown.getAttribute('data-verdict'),
    failed: await shown.getAttribute('data-failed'),
    text: await shown.innerText(),
  };
};

test('a file is verified by its digest; against a genesis hash that the reader brings', async () => {
  await open('/verify');
  await page.waitForSelector('[data-test=trust][data-source=node]');
  await drop('a.bin', FILE);
  expect(await report()).toMatchObject({
    verdict: 'valid',
    text: expect.stringContaining('只能证明与该节点一致') as string,
  });
  expect(await page.locator('[data-test=standing]').innerText()).toContain('与此一致');
  expect(await page.locator('[data-test=report] svg.qr').count()).toBe(1);
  await page.fill('[data-test=genesis]', nodes.genesis.hash.toString('hex'));
  await page.waitForSelector('[data-test=trust][data-source=given]');
  expect(await report()).toMatchObject({ verdict: 'valid' });
  await page.fill('[data-test=genesis]', 'ee'.repeat(32));
  expect(await report()).toMatchObject({ verdict: 'invalid', failed: 'layer.trust' });
});

test('the report is printed on white A4 by itself; its code says the transaction', async () => {
  await page.addInitScript('window.prints = 0; window.print = () => { window.prints += 1; };');
  await open('/verify');
  await drop('a.bin', FILE);
  await report();
  await page.click('header >> text=深色');
  await page.click('[data-test=print]');
  await holds(page, 'window.prints === 1');
  const printed = Buffer.from(await page.pdf({ preferCSSPageSize: true }));
  const pages = (await PDFDocument.load(printed)).getPages();
  expect(pages.map((one) => Math.round(one.getWidth()))).toEqual([595]);
  expect(await readBarcodes(printed)).toContainEqual({ format: 'QRCode', text: fileTx });
  await page.emulateMedia({ media: 'print' });
  const shown = await page.locator('h1, header.no-print, form, button, [data-test=report]').all();
  const visible = await Promise.all(shown.map((one) => one.isVisible()));
  expect(visible.filter(Boolean)).toHaveLength(1);
  expect(await page.evaluate("getComputedStyle(document.querySelector('[data-test=report]')).backgroundColor")).toBe(
    'rgb(255, 255, 255)',
  );
});

test('a bare file that nothing on the chain names cannot be told; the page says why', async () => {
  await open('/verify');
  const changed = Buffer.from(FILE);
  changed[1000]! ^= 1;
  await drop('a.bin', changed);
  expect(await report()).toMatchObject({ verdict: 'unknown' });
  await page.waitForSelector('[data-test=salted]');
});

describe('with a receipt of another chain (the published vectors)', () => {
  const [file, receipt, trust] = ['file.bin', 'receipt.json', 'trust.json'].map((name) =>
    readFileSync(`docs/vectors/${name}`),
  ) as [Buffer, Buffer, Buffer];
  const flip = (bytes: Buffer, at: number) => Buffer.from(bytes.map((byte, i) => (i === at ? byte ^ 1 : byte)));

  test('valid for the file, under the anchor that was given', async () => {
    await open('/verify');
    await drop('receipt.json', receipt);
    await drop('file.bin', file);
    await drop('trust.json', trust);
    const { verdict: shown, text } = await report();
    expect(shown).toBe('valid');
    expect(text).toContain('本节点在另一条链上');
    for (const layer of ['成员交接', '账本包含证明', '信任锚']) expect(text).toContain(layer);
  });

  test.each([
    ['one bit of the file', () => [flip(file, 3), receipt, trust], 'layer.file'],
    ['one digit of the path', () => [file, edited('path'), trust], 'layer.inclusion'],
    ['one digit of a signature', () => [file, edited('signature'), trust], 'layer.commit'],
    ['no anchor but this node’s', () => [file, receipt], 'layer.trust'],
  ])('%s', async (_, make, failed) => {
    await open('/verify');
    const [changedFile, changedReceipt, anchor] = make() as [Buffer, Buffer, Buffer | undefined];
    await drop('receipt.json', changedReceipt);
    await drop('file.bin', changedFile);
    if (anchor !== undefined) await drop('trust.json', anchor);
    expect(await report()).toMatchObject({ verdict: 'invalid', failed });
    await page.waitForSelector(`[data-test="step-${failed}"][data-state=fail]`);
  });

  /** The receipt with the last digit of the first such value changed. */
  function edited(what: 'path' | 'signature'): Buffer {
    const text = receipt.toString();
    const end = /"path":\["[0-9a-f]{63}/.exec(text)!;
    const signature = /"signature":"[0-9a-f]{127}/g;
    // The signatures of the receipt's own header come first: `commit` sorts before `handovers`.
    const found = what === 'path' ? end : signature.exec(text)!;
    const at = found.index + found[0].length;
    return Buffer.from(text.slice(0, at) + (text[at] === '0' ? '1' : '0') + text.slice(at + 1));
  }
});

test('a pasted receipt without its file cannot be told, and says which layer', async () => {
  await open('/verify');
  await page.click('summary');
  await page.fill('[data-test=paste]', 'no receipt');
  await page.click('[data-test=check]');
  await page.waitForSelector('[role=alert]:has-text("不是回执")');
  await page.fill('[data-test=paste]', readFileSync('docs/vectors/receipt.json', 'utf8'));
  await page.setInputFiles('[data-test=files]', 'docs/vectors/trust.json');
  expect(await report()).toMatchObject({ verdict: 'unknown' });
  expect(await page.locator('[data-test="step-layer.file"]').getAttribute('data-state')).toBe('unknown');
});

test('all filtered rows are exported, not only those on the screen; a cell is never a formula', async () => {
  const saved = async (button: string) => {
    const [download] = await Promise.all([page.waitForEvent('download'), page.click(`[data-test=${button}]`)]);
    return readFileSync(await download.path(), 'utf8');
  };
  await open(`/records?key=${KEY}&stream=archive`);
  await page.waitForSelector('[data-test=records]');
  const shown = await page.locator('[data-test=records] tbody tr').count();
  const rows = JSON.parse(await saved('export-json')) as { stream: string; key: string; index: number }[];
  const all = await nodes.node('yz1').reader.byKey('archive', Buffer.from(KEY, 'hex'), 0, 1000);
  expect(rows).toHaveLength(all.length);
  expect(rows.length).toBeGreaterThan(shown);
  expect(rows.map(({ index }) => index)).toEqual(all.map(({ index }) => index));
  const lines = (await saved('export-csv')).trimEnd().split('\r\n');
  expect(lines).toHaveLength(all.length + 1);
  await open('/records?stream=exports');
  await page.waitForSelector('[data-test=records] tbody tr');
  expect((await saved('export-csv')).trimEnd().split('\r\n')).toHaveLength(2);
  await open('/records');
  await page.waitForSelector('[data-test=records]');
  expect(JSON.parse(await saved('export-json'))).toHaveLength(nodes.node('yz1').ledger.logSize);
});

test('transactions by kind and sender: the newest first, all of them exported; a row opens by the keyboard', async () => {
  await open('/tx');
  const rows = page.locator('[data-test=transactions] tbody tr');
  await rows.first().waitFor();
  const { height } = nodes.node('yz1').ledger;
  expect(await rows.first().innerText()).toContain(`${height}`);
  expect(await axe(page)).toEqual([]);
  await page.selectOption('[data-test=filter-type]', 'policy');
  await page.waitForURL(/type=policy/);
  await page.waitForSelector(`[data-test=transactions] a[title="${policyTx}"]`);
  expect(await rows.count()).toBe(1);
  await page.selectOption('[data-test=filter-sender]', 'yz1');
  await page.waitForSelector('[data-test=no-rows]');
  await open('/tx?sender=yz2');
  await rows.first().waitFor();
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('[data-test=export-json]')]);
  const saved = JSON.parse(readFileSync(await download.path(), 'utf8')) as { txId: string; sender: string }[];
  expect(saved.map(({ txId }) => txId)).toContain(fileTx);
  expect(new Set(saved.map(({ sender }) => sender))).toEqual(new Set(['yz2']));
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/tx\/[0-9a-f]{64}/);
});

test('English, dark, and back', async () => {
  await open('/');
  await page.click('header button[lang=en]');
  await page.waitForSelector('nav >> text=Evidence');
  await page.click('header >> text=Dark');
  expect(await page.locator('html').getAttribute('class')).toContain('dark');
});

/** Every page, and when it is there. */
const SHOWN = [
  ['/', '[data-test=latest] a'],
  ['/blocks', '[data-test=blocks]'],
  ['/blocks/2', '[data-test=checks][data-verdict=valid]'],
  ['/blocks/999999', '[data-test=answer]'],
  ['/tx/{tx}?record=0', '[data-test=checks][data-verdict=valid] >> nth=1'],
  ['/tx', '[data-test=transactions]'],
  ['/records', '[data-test=records]'],
  ['/members', '[data-test=members]'],
  ['/checkpoints', '[data-test=checks] li.pass >> nth=0'],
  ['/evidence', '[data-test=no-evidence]'],
  ['/search?q={key}', '[data-test=found]'],
  ['/search?q=nobody', '[data-test=answer]'],
  ['/compare?height=1', '[data-test=comparison]'],
  ['/verify', '[data-test=trust]'],
];
const shownAt = (target: string) => target.replace('{tx}', fileTx).replace('{key}', KEY);

test.each(SHOWN)('%s meets WCAG 2 AA by axe, light, and dark on a phone, which it fits', async (target, ready) => {
  await open(shownAt(target));
  await page.waitForSelector(ready);
  expect(await axe(page)).toEqual([]);
  await page.setViewportSize({ width: 390, height: 844 });
  await page.click('header .tools button >> nth=1');
  expect(await axe(page)).toEqual([]);
  const overflow = await page.evaluate('document.documentElement.scrollWidth - window.innerWidth');
  expect(overflow).toBeLessThanOrEqual(0);
});

/** What sticks out of the window: a page that scrolls sideways, or something that is cut off and cannot be scrolled to. */
const sticksOut = `[...document.querySelectorAll('body *')].filter((one) => {
  const { left, right, width } = one.getBoundingClientRect();
  if (width === 0 || (left >= 0 && right <= innerWidth + 1) || one.closest('.sr, .skip')) return false;
  for (let up = one.parentElement; up !== null; up = up.parentElement)
    if (['auto', 'scroll'].includes(getComputedStyle(up).overflowX) && up !== document.documentElement) return false;
  return true;
}).map((one) => one.tagName + '.' + one.className + ' ' + one.textContent.trim().slice(0, 40))`;

test.each(SHOWN)('%s at 200 %: nothing sticks out of the window', async (target, ready) => {
  const context = await browser.newContext({
    viewport: { width: 640, height: 400 },
    deviceScaleFactor: 2,
    locale: 'zh-CN',
    reducedMotion: 'reduce',
  });
  try {
    page = await context.newPage();
    await open(shownAt(target));
    await page.waitForSelector(ready);
    expect(await page.evaluate('document.documentElement.scrollWidth - window.innerWidth')).toBeLessThanOrEqual(0);
    expect(await page.evaluate(sticksOut)).toEqual([]);
  } finally {
    await context.close();
  }
});

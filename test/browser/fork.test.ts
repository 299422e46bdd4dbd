import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { checkpointMessage, encodeCosigned } from '../../chain-node/codec/checkpoint.ts';
import { Frame, frame } from '../../chain-node/p2p/frames.ts';
import { createTlsFiles } from '../../ops/launch/certificates.ts';
import { main as verify } from '../../ops/verify.ts';
import { sm2, sm3 } from '../../platform/crypto/index.ts';
import { type EvidenceFile, verifyEvidence } from '../../verifier/evidence-file.ts';
import type { SignedCheckpoint } from '../../verifier/index.ts';
import { link } from '../fixtures/attacker.ts';
import { axe } from '../fixtures/browser.ts';
import { MEMBERS, Nodes } from '../fixtures/nodes.ts';
import { Rpcs } from '../fixtures/rpc.ts';
import { until } from '../fixtures/until.ts';

const crypto = { sm3, sm2Verify: sm2.verify.bind(sm2) };
let browser: Browser;
let page: Page;
let faults: string[];
beforeAll(async () => {
  browser = await chromium.launch({ executablePath: process.env.TEST_CHROMIUM!, args: ['--no-sandbox'] });
});
afterAll(() => browser.close());
beforeEach(async () => {
  const context = await browser.newContext({
    // A screen of 1280 pixels at 200 %.
    viewport: { width: 640, height: 400 },
    deviceScaleFactor: 2,
    locale: 'zh-CN',
    colorScheme: 'light',
    reducedMotion: 'reduce',
    acceptDownloads: true,
  });
  page = await context.newPage();
  faults = [];
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().includes('Failed to load resource')) faults.push(message.text());
  });
});
afterEach(async () => {
  expect(await axe(page)).toEqual([]);
  expect(await page.evaluate('document.documentElement.scrollWidth - window.innerWidth')).toBeLessThanOrEqual(0);
  await page.context().close();
  expect(faults).toEqual([]);
});

/** What a button of evidence saves. */
async function saved(within = ''): Promise<string> {
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.click(`${within} [data-test=download]:not([disabled])`),
  ]);
  return readFileSync(await download.path(), 'utf8');
}

const trustOf = ({ genesis }: Nodes) => ({
  chainId: genesis.chainId,
  genesisHash: genesis.hash.toString('hex'),
  membersHash: genesis.membersHash.toString('hex'),
});

/** Valid by the verifier under the members of the genesis; with one digit of a signature changed, not any more. */
function proves(content: string, nodes: Nodes): EvidenceFile['evidence'] {
  const trust = trustOf(nodes);
  const { verdict, file, steps } = verifyEvidence(content, trust, crypto);
  expect([verdict, steps.filter(({ state }) => state !== 'pass')]).toEqual(['valid', []]);
  const changed = content.replace(
    /("publicKey": "04)(.)/,
    (_, before: string, digit: string) => before + (digit === '0' ? '1' : '0'),
  );
  expect(verifyEvidence(changed, trust, crypto).verdict).toBe('invalid');
  return file!.evidence;
}

describe('a fork: f + 1 members sign one chain for yz1, and another for yzp', () => {
  const [left, right] = [new Nodes(), new Nodes()];
  const rpcs = new Rpcs(left, MEMBERS);
  const FALSE = ['yz2', 'yz3'];

  beforeAll(async () => {
    for (const id of MEMBERS) right.useKey(id, left.keys.get(id)!.privateKey);
    expect(right.genesis.hash).toEqual(left.genesis.hash);
    const tls = createTlsFiles(path.join(left.dir, 'tls'), MEMBERS);
    await Promise.all([left.startAll(tls, ['yz1', ...FALSE]), right.startAll(tls, [...FALSE, 'yzp'])]);
    const sides = [
      [left, 'yz1'],
      [right, 'yzp'],
    ] as const;
    for (const [nodes, id] of sides)
      for (const nth of [1, 2]) {
        const { encoded, txId } = nodes.transaction(id, [`${nth} for ${id}`]);
        await nodes.node(id).submit(encoded);
        await nodes.final(id, txId);
      }
    // The two correct ones meet.
    await right.stop('yzp');
    await left.start('yzp', { from: right });
    const { store } = left.node('yz1').ledger;
    await until(async () => (await store.evidence(100)).some(({ type }) => type === 'fork'));
    await rpcs.startAll();
  });
  afterAll(async () => {
    await rpcs.stopAll();
    await Promise.all([left.stopAll(), right.stopAll()]);
  });

  test('the evidence says what happened and who did it; what is saved proves it to anyone', async () => {
    await page.goto(`${rpcs.url('yz1')}/evidence`);
    const found = '[data-test=evidence][data-type=fork]';
    await page.waitForSelector(`${found} [data-test=checks][data-verdict=valid]`);
    const text = await page.locator(found).first().innerText();
    expect(text).toContain('两边都签了的成员：成员 yz2、成员 yz3');
    expect(text).toContain('不能作为依据');
    const content = await saved(`${found} >> nth=0 >>`);
    expect(proves(content, left)).toMatchObject({ type: 'fork', accused: FALSE });

    const folder = mkdtempSync(path.join(os.tmpdir(), 'sealfolio-evidence-'));
    const said = jest.spyOn(console, 'log').mockImplementation(() => {});
    try {
      const [file, trust] = ['evidence.json', 'trust.json'].map((name) => path.join(folder, name)) as [string, string];
      writeFileSync(file, content);
      writeFileSync(trust, JSON.stringify(trustOf(left)));
      expect(await verify([file, '--trust', trust])).toBe(0);
      writeFileSync(file, content.replace('"yz2"', '"yzp"'));
      expect(await verify([file, '--trust', trust])).toBe(1);
    } finally {
      said.mockRestore();
      rmSync(folder, { recursive: true });
    }
  });

  test('comparing the two nodes shows the fork, which needs no node’s word', async () => {
    await page.goto(`${rpcs.url('yz1')}/compare?height=1`);
    await page.waitForSelector('[data-test=compared][data-kind=fork]');
    expect(await page.locator('[data-test=compared]').innerText()).toMatch(/分叉.*成员 yz2、成员 yz3/);
    expect(await page.locator('[data-test=row-hash] td.odd').count()).toBeGreaterThan(0);
    const evidence = proves(await saved(), left);
    expect(evidence).toMatchObject({ type: 'fork', accused: FALSE, height: 1 });
    const known = (await left.node('yz1').ledger.store.evidence(100)).find(
      ({ type, height }) => type === 'fork' && height === 1,
    );
    if (known !== undefined) expect(evidence).toEqual(known);
  });

  test('a height above the fork is one too, and says that the two parted below', async () => {
    await page.goto(`${rpcs.url('yz1')}/compare?height=2`);
    await page.waitForSelector('[data-test=compared][data-kind=fork] >> text=两本账在更低的高度就已分开');
    expect(proves(await saved(), left)).toMatchObject({ type: 'fork', accused: FALSE, height: 2 });
  });

  test('the checkpoints of the two nodes differ, and whose do', async () => {
    await page.goto(`${rpcs.url('yz1')}/checkpoints`);
    await page.click('[data-test=checkpoints] tr:has(a:text-is("1")) [data-test=check]');
    await page.waitForSelector(
      '[data-test=split] >> text=视图分裂：高度 1 的检查点，本节点与 成员 yzp 的不是同一个区块',
    );
    expect(await page.locator('[data-test=checks]').getAttribute('data-verdict')).toBe('invalid');
    expect(proves(await saved(), left)).toMatchObject({ type: 'split-view', height: 1 });
  });
});

describe('a split view: one member shows another ledger than the one that all signed', () => {
  const nodes = new Nodes();
  const rpcs = new Rpcs(nodes, MEMBERS);
  let other: SignedCheckpoint;

  beforeAll(async () => {
    await nodes.startAll();
    const { encoded, txId } = nodes.transaction('yz1', ['seen by all']);
    await nodes.node('yz1').submit(encoded);
    for (const id of MEMBERS) await nodes.final(id, txId);
    const { ledger, checkpoints } = nodes.node('yz1');
    await until(async () => (await checkpoints.at(1))?.cosigned.length === MEMBERS.length);
    const { header, commit } = await ledger.store.certificate(1);
    const { privateKey } = nodes.keys.get('yz2')!;
    const said = { height: 1, blockHash: commit.blockHash, logSize: header.logSize, logRoot: Buffer.alloc(32, 9) };
    const checkpoint = { ...said, memberId: 'yz2' };
    const signature = sm2.sign(privateKey, checkpointMessage('test', checkpoint));
    other = {
      ...said,
      blockHash: commit.blockHash.toString('hex'),
      logRoot: said.logRoot.toString('hex'),
      timeMs: header.timeMs,
      signatures: [{ memberId: 'yz2', signature: signature.toString('hex') }],
    };
    await nodes.stop('yz2');
    const identity = { memberId: 'yz2', privateKey, chainId: 'test', tlsDir: path.join(nodes.dir, 'tls') };
    const { ws, closed } = await link(nodes.url('yz1'), identity);
    ws.send(frame(Frame.checkpoint, encodeCosigned({ ...checkpoint, signature })));
    await until(async () => (await ledger.store.evidence(10)).some(({ type }) => type === 'split-view'));
    ws.terminate();
    await closed;
    await nodes.start('yz2');
    await rpcs.startAll();
  });
  afterAll(async () => {
    await rpcs.stopAll();
    await nodes.stopAll();
  });

  test('the evidence names who signed the other, and does not say who lies', async () => {
    await page.goto(`${rpcs.url('yz1')}/evidence`);
    const found = '[data-test=evidence][data-type=split-view]';
    await page.waitForSelector(`${found} [data-test=checks][data-verdict=valid]`);
    expect(await page.locator(found).innerText()).toContain('成员 成员 yz2 为高度 1 签署的检查点与本节点的区块不同');
    expect(proves(await saved(), nodes)).toMatchObject({ type: 'split-view', accused: [], memberId: 'yz2' });
  });

  const lying = (path: string, change: (body: unknown) => unknown) =>
    page.route(`${rpcs.url('yz2')}${path}`, async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, json: change(await response.json()) });
    });

  test('the checkpoints: a node that gives out another is named, with its own signature', async () => {
    await lying('/v1/checkpoints?*', () => [other]);
    await page.goto(`${rpcs.url('yz1')}/checkpoints`);
    await page.click('[data-test=checkpoints] tr:has(a:text-is("1")) [data-test=check]');
    await page.waitForSelector('[data-test=split] >> text=本节点与 成员 yz2 的不是同一个区块');
    await page.waitForSelector('[data-test=checks] li.fail >> text=由 yz2 签署');
    expect(await page.locator('[data-test=checks] li.fail').count()).toBe(1);
    expect(proves(await saved(), nodes)).toMatchObject({ type: 'split-view', memberId: 'yz2' });
  });

  test('comparing: a block that no quorum signed is no fork, and its node is named', async () => {
    await lying('/v1/blocks/1', (body) => {
      const block = body as { header: { logRoot: string } };
      block.header.logRoot = other.logRoot;
      return block;
    });
    await page.goto(`${rpcs.url('yz1')}/compare?height=1`);
    await page.waitForSelector('[data-test=compared][data-kind=unsigned] >> text=不能采信的节点：成员 yz2');
    expect(await page.locator('[data-test=download]').count()).toBe(0);
  });
});

import type express from 'express';
import request from 'supertest';
import type { LedgerNode } from '../../../chain-node/node.ts';
import { createRpc } from '../../../chain-node/rpc/app.ts';
import { VirtualDisk } from '../../../chain-node/sim/disk.ts';
import { Random } from '../../../chain-node/sim/random.ts';
import type { EvidenceJson } from '../../../chain-node/state/evidence.ts';
import { BlockStore } from '../../../chain-node/store/block-store.ts';
import { createMetrics } from '../../../platform/observe/metrics.ts';

const finding = (height: number, id: number): EvidenceJson => ({
  id: id.toString(16).padStart(64, '0'),
  type: 'equivocation',
  accused: ['yz2'],
  height,
  round: 0,
  signed: [],
});
const place = ({ height, id }: EvidenceJson) => `${height}-${parseInt(id, 16)}`;

/** A store of these findings, and the rpc of a node that has it. */
async function keeping(findings: readonly EvidenceJson[]) {
  const store = new BlockStore(await new VirtualDisk(new Random(1)).open(() => {}).keyValues('blocks'));
  for (const one of findings) await store.addEvidence(one);
  const app: express.Express = createRpc(
    { ledger: { store } } as unknown as LedgerNode,
    createMetrics('evidence-test'),
  );
  return { store, rpc: request(app) };
}

/** Every page from a first one on, by the links. */
async function pages(rpc: ReturnType<typeof request>, first: string): Promise<string[][]> {
  const found: string[][] = [];
  for (let next: string | null = first; next !== null;) {
    const { body, headers }: request.Response = await rpc.get(next).expect(200);
    found.push((body as EvidenceJson[]).map(place));
    next = /<(.*)>; rel="next"/.exec(headers.link ?? '')?.[1] ?? null;
  }
  return found;
}

test('more than one page of evidence is read to its end, the highest first, each finding once', async () => {
  // 250 findings, two at each height, added out of order.
  const all = Array.from({ length: 250 }, (_, i) => finding(1 + ((i * 7) % 125), i < 125 ? 1 : 2));
  const { rpc, store } = await keeping(all);
  expect(await store.evidenceCount()).toBe(250);
  const found = await pages(rpc, '/v1/evidence?limit=100');
  expect(found.map(({ length }) => length)).toEqual([100, 100, 50]);
  const inOrder = Array.from({ length: 125 }, (_, i) => [`${125 - i}-2`, `${125 - i}-1`]).flat();
  expect(found.flat()).toEqual(inOrder);
  expect((await pages(rpc, '/v1/evidence'))[0]).toHaveLength(20);
});

test('of one height it is that height only, by pages too', async () => {
  const { rpc } = await keeping([finding(8, 1), finding(9, 1), finding(9, 2), finding(9, 3), finding(10, 1)]);
  expect(await pages(rpc, '/v1/evidence?height=9&limit=2')).toEqual([['9-3', '9-2'], ['9-1']]);
  expect(await pages(rpc, '/v1/evidence?height=7')).toEqual([[]]);
});

test('the same finding twice is one; what comes later is counted', async () => {
  const { store } = await keeping([finding(1, 1), finding(1, 1), finding(2, 1)]);
  expect(await store.evidenceCount()).toBe(2);
  await store.addEvidence(finding(3, 1));
  expect(await store.evidenceCount()).toBe(3);
});

test.each(['from=9', 'from=x-1', 'limit=0', 'limit=101', 'height=-1'])('%s is refused', async (query) => {
  const { rpc } = await keeping([]);
  const { body } = await rpc.get(`/v1/evidence?${query}`).expect(400);
  expect(body).toMatchObject({ code: 'encoding-invalid' });
});

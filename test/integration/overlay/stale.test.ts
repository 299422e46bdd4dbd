import { once } from 'node:events';
import type { OverlayError } from '../../../chain-node/overlay/errors.ts';
import type { OverlayStream } from '../../../chain-node/overlay/session/streams.ts';
import { openTo, OverlayWorld, until } from '../../fixtures/overlay.ts';

/** Streams that came in at yz2. */
const came: OverlayStream[] = [];
const handlers = {
  echo: (stream: OverlayStream) => {
    came.push(stream);
    stream.pipe(stream);
  },
  p2p: (stream: OverlayStream) => stream.pipe(stream),
};
const world = new OverlayWorld(['yz3', 'yzp'], { handlers, staleAfterMs: 10_000 });
beforeAll(() => world.start([...openTo('echo')!, ...openTo('p2p')!], {}, ['yz2']));
afterAll(() => world.stop());

async function said(stream: OverlayStream, text: string): Promise<string> {
  const answer = once(stream, 'data') as Promise<[Buffer]>;
  stream.write(text);
  return (await answer)[0].toString();
}
const failing = async (stream: OverlayStream) => ((await once(stream, 'error')) as [OverlayError])[0].code;
const own = (id: string) =>
  world
    .overlay(id)
    .members()
    .find(({ memberId }) => memberId === id)!;

test('half of the validators are gone: sessions end at both ends, but for the ledger’s own; once they are back all goes on by itself', async () => {
  const stream = await world.overlay('yz1').open('yz2', 'echo');
  const ledger = await world.overlay('yz1').open('yz2', 'p2p');
  expect(await said(stream, 'before')).toBe('before');
  expect(own('yz1')).toMatchObject({ state: 'online', trouble: null });
  const ended = Promise.all([failing(stream), failing(came.at(-1)!)]);
  await world.nodes.stop('yz3');
  await world.nodes.stop('yzp');
  // The end that is told before it has seen for itself knows only that it is over.
  const codes = await ended;
  expect(codes).toContain('stale');
  expect(codes.filter((code) => code !== 'stale' && code !== 'closed')).toEqual([]);
  for (const id of ['yz1', 'yz2']) await until(() => own(id).state === 'offline');
  expect(own('yz1').trouble).toMatch(/^no word of the chain from 3 of 4 validators for \d+ s$/);
  await expect(world.overlay('yz1').open('yz2', 'echo')).rejects.toMatchObject({ code: 'stale' });
  expect(await said(ledger, 'still')).toBe('still');
  expect(await said(await world.overlay('yz2').open('yz1', 'p2p'), 'new')).toBe('new');

  await world.nodes.start('yz3');
  await world.nodes.start('yzp');
  await until(() => ['yz1', 'yz2'].every((id) => own(id).state === 'online'));
  expect(await said(await world.overlay('yz1').open('yz2', 'echo'), 'again')).toBe('again');
});

test('a member is removed while another is cut off from consensus, and linked to it: it is served there no more either', async () => {
  // It goes by what was decided before, as a member would that does not want to be removed.
  const { chain } = world.overlay('yz1');
  const before = chain.governance();
  const hostile = { ...chain, ageMs: () => 0, governance: () => before, onGovernance: () => {} };
  const begin = async () => {
    await world.stopOverlay('yz1');
    await world.startOverlay('yz1', {}, { chain: hostile });
    await until(() => world.overlay('yz1').links.get('yz2') !== undefined);
    return world.overlay('yz1').open('yz2', 'echo');
  };
  const stream = await begin();
  expect(await said(stream, 'before')).toBe('before');
  const ended = failing(came.at(-1)!);
  await world.nodes.cutOff('yz2');
  const { publicKey } = world.nodes.keys.get('yz1')!;
  await world.decide({ type: 'remove', height: 0, memberId: 'yz1', publicKey });
  expect(world.nodes.node('yz2').ledger.members.map(({ memberId }) => memberId)).toContain('yz1');
  expect(await ended).toBe('stale');
  await expect(begin()).rejects.toMatchObject({ code: 'stale' });
});

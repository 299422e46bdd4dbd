import { randomBytes } from 'node:crypto';
import type { Route } from '../../../../chain-node/overlay/link/frames.ts';
import { Answering } from '../../../../chain-node/overlay/session/answering.ts';
import type { Established } from '../../../../chain-node/overlay/session/handshake.ts';
import { Initiator } from '../../../../chain-node/overlay/session/handshake.ts';
import { HALF_BYTES, PacketType, readEndPacket } from '../../../../chain-node/overlay/session/packets.ts';
import { createLogger } from '../../../../platform/observe/logger.ts';
import { as, KEYS, PARTIES } from '../../../fixtures/handshake.ts';

/** b, which is asked; what it answers, and over which route. */
function asked() {
  const said: { route: Route; payload: Buffer }[] = [];
  const accepted: Established[] = [];
  const answering = new Answering({
    chainId: PARTIES.chainId,
    memberId: PARTIES.responder,
    privateKey: () => KEYS.b.privateKey,
    keyOf: (memberId) => (memberId === 'nobody' ? undefined : KEYS.a.publicKey),
    refuse: () => null,
    accept: async (established) => void accepted.push(established),
    send: (route, payload) => void said.push({ route, payload }),
    logger: createLogger('test', 'silent'),
  });
  const offer = (route: Route) => {
    const initiator = new Initiator({ ...PARTIES, initiator: route[0]! }, 'archive', 0);
    answering.onOffer(route[0]!, route, as(PacketType.offer, initiator.offer));
    return initiator;
  };
  return { answering, said, accepted, offer };
}

test('an offer is answered the way it came, and the session begins', async () => {
  const { answering, said, accepted, offer } = asked();
  const route = ['a', 'r', 'b'];
  const initiator = offer(route);
  const reply = readEndPacket(said[0]!.payload);
  if (reply.type !== PacketType.reply) throw new Error('no reply');
  const proof = await initiator.prove(reply, KEYS.a.privateKey);
  await answering.onProof('a', route, as(PacketType.proof, proof));
  expect(said.map((one) => [one.payload[0], one.route])).toEqual([
    [PacketType.reply, ['b', 'r', 'a']],
    [PacketType.answer, ['b', 'r', 'a']],
  ]);
  expect(accepted).toMatchObject([{ ...PARTIES, service: 'archive' }]);
});

test('who is no member is not answered', () => {
  const { said, offer } = asked();
  offer(['nobody', 'b']);
  expect(said).toEqual([]);
});

test('handshakes that a relay makes up in the name of another cost it its own share, and nobody else’s', () => {
  const { answering, said } = asked();
  const ephemeral = KEYS.a.publicKey;
  const offer = (...route: string[]) =>
    answering.onOffer(route[0]!, route, { type: PacketType.offer, half: randomBytes(HALF_BYTES), ephemeral });
  const others = () => {
    const { length } = said;
    offer('a', 'b');
    offer('a', 's', 'b');
    return said.slice(length).map(({ route }) => route.join(' '));
  };
  for (let i = 0; i < 1000; i += 1) offer('a', 'r', 'b');
  expect(others()).toEqual(['b a', 'b s a']);
  expect(said.length).toBeLessThan(100);
  for (let name = 0; name < 100; name += 1) for (let i = 0; i < 20; i += 1) offer(`m${name}`, 'r', 'b');
  expect(others()).toEqual(['b a', 'b s a']);
  expect(said.length).toBeLessThan(1000);
});

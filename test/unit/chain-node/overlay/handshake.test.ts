import { randomBytes } from 'node:crypto';
import { Ephemeral } from '../../../../chain-node/overlay/session/exchange.ts';
import { Initiator, type Parties, Responder } from '../../../../chain-node/overlay/session/handshake.ts';
import { sm2 } from '../../../../platform/crypto/index.ts';
import { as, establish, KEYS, PARTIES } from '../../../fixtures/handshake.ts';

const START = Date.parse('2026-11-24T00:00:00Z');

/** A handshake in which any message, key or name may be another than it should. */
async function play(change: {
  offer?(bytes: Buffer): Buffer;
  reply?(bytes: Buffer): Buffer;
  proof?(bytes: Buffer): Buffer;
  answer?(bytes: Buffer): Buffer;
  initiatorKey?: Buffer;
  responderKey?: Buffer;
  seenByInitiator?: Partial<Parties>;
  seenByResponder?: Partial<Parties>;
}) {
  const same = (bytes: Buffer) => bytes;
  const { offer = same, reply = same, proof = same, answer = same } = change;
  const initiator = new Initiator({ ...PARTIES, ...change.seenByInitiator }, 'archive', START);
  const responder = new Responder({ ...PARTIES, ...change.seenByResponder }, as(1, offer(initiator.offer)));
  const proven = await initiator.prove(as(2, reply(responder.reply)), change.initiatorKey ?? KEYS.a.privateKey);
  const request = await responder.check(as(3, proof(proven)).sealed, KEYS.a.publicKey);
  const { packet } = await responder.answer(request, null, change.responderKey ?? KEYS.b.privateKey);
  return initiator.finish(as(4, answer(packet)).sealed, KEYS.b.publicKey);
}

test('both ends come to the same session, keys and transcript', async () => {
  const { initiator, responder } = await establish();
  expect(initiator).toEqual(responder);
  expect(initiator).toMatchObject({ ...PARTIES, service: 'archive' });
  const { epoch } = initiator;
  const keys = [epoch.initiator.record, epoch.initiator.beside, epoch.responder.record, epoch.responder.beside];
  expect(new Set(keys.map((key) => key.toString('hex'))).size).toBe(4);
});

test('no two sessions share an id or a key', async () => {
  const [one, other] = [await establish(), await establish()];
  expect(one.initiator.id).not.toEqual(other.initiator.id);
  expect(one.initiator.epoch.initiator.record).not.toEqual(other.initiator.epoch.initiator.record);
});

const flip = (at: number) => (bytes: Buffer) => {
  const other = Buffer.from(bytes);
  other[at < 0 ? other.length + at : at]! ^= 1;
  return other;
};
/** A right point of the curve in place of a fresh key. */
const withKey = (at: number) => (bytes: Buffer) => {
  const other = Buffer.from(bytes);
  sm2.generateKeyPair().publicKey.copy(other, at);
  return other;
};

test.each<[string, Parameters<typeof play>[0]]>([
  ['the initiator’s half of the id', { offer: flip(1) }],
  ['the initiator’s fresh key, for another', { offer: withKey(17) }],
  ['the responder’s half of the id', { reply: flip(17) }],
  ['whom the reply is to', { reply: flip(1) }],
  ['the responder’s fresh key, for another', { reply: withKey(33) }],
  ['the sealed proof', { proof: flip(-20) }],
  ['the tag of the proof', { proof: flip(-1) }],
  ['the sealed answer', { answer: flip(-20) }],
  ['the tag of the answer', { answer: flip(-1) }],
  ['the key that signs the proof', { initiatorKey: sm2.generateKeyPair().privateKey }],
  ['the key that signs the answer', { responderKey: sm2.generateKeyPair().privateKey }],
  ['the chain', { seenByResponder: { chainId: 'other' } }],
  ['who asks, as the responder sees it', { seenByResponder: { initiator: 'c' } }],
  ['who is asked, as the initiator sees it', { seenByInitiator: { responder: 'c' } }],
])('a handshake with another %s comes to nothing', async (_, change) => {
  await expect(play(change)).rejects.toMatchObject({ code: 'protocol' });
});

test('a proof that was recorded is no proof to a fresh reply', async () => {
  const initiator = new Initiator(PARTIES, 'archive', START);
  const first = new Responder(PARTIES, as(1, initiator.offer));
  const proof = await initiator.prove(as(2, first.reply), KEYS.a.privateKey);
  const later = new Responder(PARTIES, as(1, initiator.offer));
  await expect(later.check(as(3, proof).sealed, KEYS.a.publicKey)).rejects.toMatchObject({ code: 'protocol' });
});

test('who stands between and offers its own keys to both can speak for neither', async () => {
  const initiator = new Initiator(PARTIES, 'archive', START);
  const between = new Responder(PARTIES, as(1, initiator.offer));
  const proof = await initiator.prove(as(2, between.reply), KEYS.a.privateKey);
  // It reads what is asked, and can neither pass the proof on nor answer in the name of b.
  const request = await between.check(as(3, proof).sealed, KEYS.a.publicKey);
  const forward = new Initiator(PARTIES, 'archive', START);
  const responder = new Responder(PARTIES, as(1, forward.offer));
  await expect(responder.check(as(3, proof).sealed, KEYS.a.publicKey)).rejects.toMatchObject({ code: 'protocol' });
  const own = sm2.generateKeyPair().privateKey;
  const { packet } = await between.answer(request, null, own);
  await expect(initiator.finish(as(4, packet).sealed, KEYS.b.publicKey)).rejects.toMatchObject({ code: 'protocol' });
});

test('a refusal is signed, and told with its reason', async () => {
  const initiator = new Initiator(PARTIES, 'archive', START);
  const responder = new Responder(PARTIES, as(1, initiator.offer));
  const proof = await initiator.prove(as(2, responder.reply), KEYS.a.privateKey);
  const request = await responder.check(as(3, proof).sealed, KEYS.a.publicKey);
  expect(request).toMatchObject({ service: 'archive', startMs: START });
  const refusal = { code: 'denied' as const, reason: 'no rule allows it' };
  const { packet, established } = await responder.answer(request, refusal, KEYS.b.privateKey);
  expect(established).toBeNull();
  await expect(initiator.finish(as(4, packet).sealed, KEYS.b.publicKey)).rejects.toMatchObject(refusal);
});

describe('an exchange key', () => {
  const own = () => new Ephemeral();
  const offCurve = Buffer.concat([Buffer.of(4), randomBytes(64)]);
  test.each<[string, (mine: Ephemeral) => Buffer]>([
    ['that is not on the curve', () => offCurve],
    ['that is zero', () => Buffer.concat([Buffer.of(4), Buffer.alloc(64)])],
    ['in compressed form', (mine) => Buffer.concat([Buffer.of(2), mine.publicKey.subarray(1, 33)])],
    ['that is our own, sent back', (mine) => mine.publicKey],
    [
      'of P-256',
      () =>
        Buffer.from(
          `04${'6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296'}4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5`,
          'hex',
        ),
    ],
    ['that is empty', () => Buffer.alloc(0)],
  ])('%s is refused', (_, key) => {
    const mine = own();
    expect(() => mine.shared(key(mine))).toThrow(/protocol/);
  });

  test('is used once', () => {
    const [mine, theirs] = [own(), own()];
    expect(mine.shared(theirs.publicKey)).toEqual(theirs.shared(mine.publicKey));
    expect(() => mine.shared(own().publicKey)).toThrow(/used once/);
  });
});

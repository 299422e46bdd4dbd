import { randomBytes } from 'node:crypto';
import { Candidates } from '../../../chain-node/consensus/candidates.ts';
import type { CheckedTx } from '../../../chain-node/mempool/checker.ts';
import type { Intake } from '../../../chain-node/mempool/intake.ts';
import { Mempool } from '../../../chain-node/mempool/mempool.ts';
import { decodeHashes, decodeTxs, Frame, splitFrame } from '../../../chain-node/p2p/frames.ts';
import { Gossip } from '../../../chain-node/p2p/gossip.ts';
import { Clock } from '../../../chain-node/sim/clock.ts';
import { leafHash } from '../../../chain-node/state/merkle.ts';
import type { Prepared } from '../../../chain-node/state/ledger.ts';

const key = (hash: Buffer) => hash.toString('hex');

function checked(bytes = 100): CheckedTx {
  const encoded = randomBytes(bytes);
  const [hash, txId] = [leafHash(encoded), randomBytes(32)];
  const rest = { sender: 'yz1', nonce: randomBytes(16), type: 1, count: 1, leaves: hash, marks: Float64Array.of(1, 2) };
  return { ...rest, hash, txId, id: key(txId), encoded, senderKey: randomBytes(65) };
}

/** Gossip of a node whose checks never end. */
function gossiping(txOfBlock: Candidates['tx'] = () => undefined, isRead = true) {
  const clock = new Clock(0);
  const mempool = new Mempool();
  const pending = new Set<string>();
  const sent: { to: string; kind: Frame; payload: Buffer }[] = [];
  const intake: Pick<Intake, 'submit' | 'isPending'> = {
    isPending: (hash) => pending.has(key(hash)),
    submit: (_encoded, hash) => {
      pending.add(key(hash!));
      return new Promise(() => {});
    },
  };
  const gossip = new Gossip({
    links: {
      start: async () => 0,
      close: async () => {},
      connected: () => ['yz2', 'yz3'],
      isConnected: () => true,
      broadcast: () => {},
      send: (to, bytes) => {
        sent.push({ to, ...splitFrame(bytes) });
        return isRead;
      },
      drop: () => {},
    },
    mempool,
    intake: intake as Intake,
    world: { now: () => clock.now, after: (ms, run) => clock.after(ms, run) },
    txOfBlock,
    onBad: () => {},
    isExcused: () => true,
  });
  return { gossip, mempool, sent };
}

test('what is neither here nor being checked is asked for, once', () => {
  const { gossip, mempool, sent } = gossiping();
  const [waits, inCheck, unknown] = [checked(), checked(), checked()];
  mempool.add(waits);
  void gossip.onTransactions('yz2', [inCheck.encoded]);
  for (const from of ['yz2', 'yz3']) gossip.onAnnounce(from, [waits.hash, inCheck.hash, unknown.hash]);
  expect(sent.map(({ to, kind }) => ({ to, kind }))).toEqual([{ to: 'yz2', kind: Frame.want }]);
  expect(decodeHashes(sent[0]!.payload)).toEqual([unknown.hash]);
});

test('a proposal that names what is being checked asks nobody for it', () => {
  const { gossip, sent } = gossiping();
  const txs = Array.from({ length: 100 }, () => checked());
  void gossip.onTransactions(
    'yz2',
    txs.map(({ encoded }) => encoded),
  );
  gossip.want(
    'yz3',
    txs.map(({ hash }) => hash),
  );
  expect(sent).toEqual([]);
});

test('a peer gets what waits and what is in a block of this height, each once, and nothing for what is unknown', () => {
  const candidates = new Candidates(() => undefined);
  const [waits, inFirst, inSecond, former] = [checked(), checked(), checked(), checked()];
  const block = (...txs: CheckedTx[]) => ({ txs }) as unknown as Prepared;
  const { gossip, mempool, sent } = gossiping((hash) => candidates.tx(hash));
  mempool.add(waits);
  candidates.setChecked(randomBytes(32), block(former));
  expect(candidates.tx(former.hash)).toBe(former);
  candidates.clear();
  candidates.setChecked(randomBytes(32), block(inFirst));
  expect(candidates.tx(inFirst.hash)).toBe(inFirst);
  candidates.setChecked(randomBytes(32), block(inSecond));
  candidates.setChecked(randomBytes(32), null);
  const asked = [waits, inFirst, inSecond, former, waits].map(({ hash }) => hash);
  gossip.onWant('yz2', asked);
  expect(sent.map(({ kind }) => kind)).toEqual([Frame.transactions]);
  expect(decodeTxs(sent[0]!.payload)).toEqual([waits, inFirst, inSecond].map(({ encoded }) => encoded));
});

test('what was asked for goes in frames that no vote waits long behind, and no further once the link takes no more', () => {
  for (const isRead of [true, false]) {
    const { gossip, mempool, sent } = gossiping(undefined, isRead);
    const large = Array.from({ length: 10 }, () => checked(100_000));
    for (const tx of large) mempool.add(tx);
    gossip.onWant(
      'yz2',
      large.map(({ hash }) => hash),
    );
    expect(sent.map(({ payload }) => decodeTxs(payload).length)).toEqual(isRead ? [2, 2, 2, 2, 2] : [2]);
  }
});

import { DEFAULT_TIMEOUTS } from '../../../chain-node/consensus/timeouts.ts';
import { proposerOf } from '../../../chain-node/consensus/core.ts';
import { encodeTransaction, signAttestation } from '../../../chain-node/codec/transaction.ts';
import type { LedgerNode } from '../../../chain-node/node.ts';
import { Frame } from '../../../chain-node/p2p/frames.ts';
import { Clock } from '../../../chain-node/sim/clock.ts';
import { sign } from '../../../chain-node/sim/signatures.ts';
import type { LinkEvents } from '../../../chain-node/world.ts';
import { CHAIN_ID, keyOf, MEMBERS, NOW, openVirtualNode } from '../../fixtures/virtual-node.ts';

const QUIET = 'yz4';
const CONSENSUS: readonly number[] = [Frame.proposal, Frame.vote];

/** Four nodes, all linked, a millisecond apart; nobody hears what the last one says while it is muted. */
class Four {
  readonly clock = new Clock(NOW);
  readonly nodes = new Map<string, LedgerNode>();
  isMuted = true;
  readonly #events = new Map<string, LinkEvents>();
  #sent = 0;

  async start(): Promise<void> {
    for (const memberId of MEMBERS) {
      const { node, events } = await openVirtualNode(memberId, this.clock, {
        broadcast: (bytes) => MEMBERS.forEach((to) => this.#send(memberId, to, bytes)),
        send: (to, bytes) => this.#send(memberId, to, bytes),
      });
      this.nodes.set(memberId, node);
      this.#events.set(memberId, events);
    }
    for (const node of this.nodes.values()) await node.start();
    for (const [id, { onOpen }] of this.#events) for (const peer of MEMBERS) if (peer !== id) onOpen(peer);
  }

  #send(from: string, to: string, bytes: Buffer): true {
    const isLost = from === to || (this.isMuted && from === QUIET && CONSENSUS.includes(bytes[0]!));
    if (!isLost)
      this.clock.after(
        1,
        () => void this.#events.get(to)!.onFrame(from, bytes[0]! as Frame, Buffer.from(bytes.subarray(1))),
      );
    return true;
  }

  /** How long yz1 takes for its next block, in virtual milliseconds, and whose turn it was. */
  async block(): Promise<{ proposer: string; tookMs: number }> {
    const { ledger } = this.nodes.get('yz1')!;
    const height = ledger.height + 1;
    const nonce = Buffer.alloc(16);
    nonce.writeUInt32BE((this.#sent += 1));
    const record = { stream: 'archive', key: Buffer.alloc(32, 1), digest: Buffer.alloc(32, 2), note: Buffer.alloc(0) };
    const unsigned = { chainId: CHAIN_ID, sender: 'yz1', nonce, records: [record] };
    const tx = signAttestation(unsigned, keyOf('yz1'), { sign: (key, message) => sign(Buffer.from(key), message) });
    const began = this.clock.now;
    const submitted = this.nodes.get('yz1')!.submit(encodeTransaction(tx));
    while (ledger.height < height) {
      this.clock.step(Infinity);
      await new Promise((done) => setImmediate(done));
    }
    await submitted;
    return { proposer: proposerOf(MEMBERS, height, 0), tookMs: this.clock.now - began };
  }

  /** The longest of the quiet one's turns among this many blocks. */
  async longest(blocks: number): Promise<number> {
    const turns: number[] = [];
    for (let i = 0; i < blocks; i += 1) {
      const { proposer, tookMs } = await this.block();
      if (proposer === QUIET) turns.push(tookMs);
    }
    return Math.max(...turns);
  }
}

test('a validator that is linked and signs nothing is waited for like one that is absent, and like the others once it signs', async () => {
  const four = new Four();
  await four.start();
  const { propose, absentProposer, delta } = DEFAULT_TIMEOUTS;
  expect(await four.longest(4)).toBeGreaterThan(propose);
  await four.longest(8);
  const asAbsent = await four.longest(8);
  expect(asAbsent).toBeGreaterThan(absentProposer);
  expect(asAbsent).toBeLessThan(delta);
  four.isMuted = false;
  await four.longest(4);
  expect(await four.longest(8)).toBeLessThan(absentProposer);
  for (const node of four.nodes.values()) await node.close();
});

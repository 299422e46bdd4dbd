import { DEFAULT_TIMEOUTS } from '../../../chain-node/consensus/timeouts.ts';
import { proposerOf } from '../../../chain-node/consensus/core.ts';
import { encodeTransaction, signAttestation } from '../../../chain-node/codec/transaction.ts';
import { parseGenesis } from '../../../chain-node/genesis.ts';
import { inlineChecker } from '../../../chain-node/mempool/checker.ts';
import { LedgerNode } from '../../../chain-node/node.ts';
import { Frame } from '../../../chain-node/p2p/frames.ts';
import { Clock } from '../../../chain-node/sim/clock.ts';
import { VirtualDisk } from '../../../chain-node/sim/disk.ts';
import { Random } from '../../../chain-node/sim/random.ts';
import { publicKeyOf, sign, simSignatures } from '../../../chain-node/sim/signatures.ts';
import type { LinkEvents } from '../../../chain-node/world.ts';
import { createLogger } from '../../../platform/observe/logger.ts';

const MEMBERS = ['yz1', 'yz2', 'yz3', 'yz4'];
const QUIET = 'yz4';
const NOW = Date.parse('2026-01-01T00:00:00Z');
const CONSENSUS: readonly number[] = [Frame.proposal, Frame.vote];
const keyOf = (memberId: string) => Buffer.alloc(32, MEMBERS.indexOf(memberId) + 1);
const genesis = parseGenesis({
  chainId: 'test',
  time: new Date(NOW).toISOString(),
  members: MEMBERS.map((memberId) => ({
    memberId,
    name: memberId,
    publicKey: publicKeyOf(keyOf(memberId)).toString('hex'),
    role: 'validator',
  })),
});

/** Four nodes, all linked, a millisecond apart; nobody hears what the last one says while it is muted. */
class Four {
  readonly clock = new Clock(NOW);
  readonly nodes = new Map<string, LedgerNode>();
  isMuted = true;
  readonly #events = new Map<string, LinkEvents>();
  #sent = 0;

  async start(): Promise<void> {
    for (const memberId of MEMBERS) {
      const disk = new VirtualDisk(new Random(1)).open(() => {});
      const options = { memberId, privateKeys: [keyOf(memberId)], genesis, timeouts: DEFAULT_TIMEOUTS };
      const logger = createLogger('test', 'silent');
      const node = await LedgerNode.open(
        { ...options, sync: 'blocks', logger },
        {
          now: () => this.clock.now,
          after: (ms, run) => this.clock.after(ms, run),
          disk,
          vault: disk,
          signatures: simSignatures,
          checker: inlineChecker(simSignatures),
          links: (events) => {
            this.#events.set(memberId, events);
            return {
              start: async () => 0,
              close: async () => {},
              connected: () => MEMBERS.filter((id) => id !== memberId),
              isConnected: () => true,
              broadcast: (bytes) => MEMBERS.forEach((to) => this.#send(memberId, to, bytes)),
              send: (to, bytes) => this.#send(memberId, to, bytes),
              drop: () => {},
            };
          },
          fatal: (error) => {
            throw error;
          },
        },
      );
      this.nodes.set(memberId, node);
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
    const unsigned = { chainId: 'test', sender: 'yz1', nonce, records: [record] };
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

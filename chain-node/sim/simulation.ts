import { createLogger, type Logger } from '../../platform/observe/logger.ts';
import { VoteType } from '../codec/block.ts';
import { encodeTransaction, signAttestation, txIdOf } from '../codec/transaction.ts';
import { proposerOf } from '../consensus/core.ts';
import { DEFAULT_TIMEOUTS } from '../consensus/driver.ts';
import { type Genesis, parseGenesis } from '../genesis.ts';
import { LedgerNode } from '../node.ts';
import type { EvidenceJson } from '../state/evidence.ts';
import { leafHash, merkleRoot } from '../state/merkle.ts';
import { Frame } from '../p2p/frames.ts';
import type { Links, World } from '../world.ts';
import { Liar } from './byzantine.ts';
import { Clock } from './clock.ts';
import { Crashed, VirtualDisk } from './disk.ts';
import { VirtualNetwork } from './network.ts';
import { Oracle, Violation } from './oracle.ts';
import { Random } from './random.ts';
import { publicKeyOf, simSignatures } from './signatures.ts';

const START_MS = Date.parse('2026-01-01T00:00:00Z');
const STORM_MS = 20_000;
/** After the storm every correct node must have all within this. */
const CALM_MS = 90_000;
const HEARTBEAT_MS = 8000;
const MAX_SKEW_MS = 3000;
const KEY = Buffer.from('key');
/** What a storm may lose more often than the rest. */
const KINDS = [
  (bytes: Buffer) => bytes[0] === Frame.proposal,
  (bytes: Buffer) => bytes[0] === Frame.vote && bytes[1] === VoteType.prevote,
  (bytes: Buffer) => bytes[0] === Frame.vote && bytes[1] === VoteType.precommit,
  (bytes: Buffer) => bytes[0] === Frame.status,
];

const quiet = createLogger('sim', 'silent');
const genesisOf = new Map<number, Genesis>();

const memberIdOf = (i: number) => `m${i}`;
const privateKeyOf = (i: number) => Buffer.alloc(32, i + 1);

function genesis(members: number): Genesis {
  const known = genesisOf.get(members);
  if (known !== undefined) return known;
  const made = parseGenesis({
    chainId: 'sim',
    time: new Date(START_MS - 3_600_000).toISOString(),
    members: Array.from({ length: members }, (_, i) => ({
      memberId: memberIdOf(i),
      name: memberIdOf(i),
      publicKey: publicKeyOf(privateKeyOf(i)).toString('hex'),
      role: 'validator',
    })),
  });
  genesisOf.set(members, made);
  return made;
}

/** One copy of a member: its disk outlives its lives. */
interface Host {
  id: string;
  memberId: string;
  privateKey: Buffer;
  isCorrect: boolean;
  disk: VirtualDisk;
  skewMs: number;
  liar: Liar | null;
  life: Life | null;
}

interface Life {
  node: LedgerNode | null;
  links: (Links & { leave(): void }) | null;
  /** Writes to the disk until it crashes. */
  writesLeft: number;
}

export interface Outcome {
  seed: number;
  height: number;
  txs: number;
  crashes: number;
  events: number;
}

/** Every turn of the event loop empties the queue of promises first, so nothing is under way when it resolves. */
const settled = () => new Promise((done) => setImmediate(done));

/**
 * One run: real nodes (consensus, mempool, gossip, catching up, storage) on a virtual clock, network and disk, all bent
 * as the seed says. For 20 virtual seconds: delay, loss, duplication, reordering, partitions, skewed clocks, crashes at any
 * write with torn tails, and up to f faulty members (twins with one key, liars). Then calm: everything must become final
 * everywhere. Throws Violation.
 */
export class Simulation {
  readonly #random: Random;
  readonly #clock = new Clock(START_MS);
  readonly #network: VirtualNetwork;
  readonly #oracle = new Oracle();
  readonly #hosts: Host[] = [];
  readonly #genesis: Genesis;
  #violation: unknown = null;
  #events = 0;
  #crashes = 0;
  #txCount = 0;
  #isStorm = true;
  /** How often the first to decide is cut off. */
  readonly #isolation: number;

  constructor(
    private readonly seed: number,
    /** Told what happens, line by line. */
    private readonly trace: ((line: string) => void) | null = null,
    /** Not as the seed says, and the chain may fork: how many members, and how many of them are twins. */
    private readonly forced: { members: number; twins: number } | null = null,
  ) {
    this.#random = new Random(seed);
    const random = this.#random;
    const n = forced?.members ?? (random.chance(0.8) ? 4 : 7);
    const f = (n - 1) / 3;
    this.#genesis = genesis(n);
    this.#isolation = random.chance(0.5) ? random.next() * 0.5 : 0;
    const fast = random.chance(0.5);
    this.#network = new VirtualNetwork(
      this.#clock,
      random,
      {
        minDelayMs: 1,
        maxDelayMs: fast ? 20 : random.int(50, 800),
        loss: random.chance(0.5) ? random.next() * 0.15 : 0,
        duplication: random.next() * 0.1,
      },
      (from, to, error) => this.#refused(from, to, error.message),
      (id, error) => this.#fatal(id, error),
    );
    const faulty = forced?.twins ?? (random.chance(0.3) ? 0 : random.int(1, f));
    for (let i = 0; i < n; i += 1) {
      if (i >= faulty) this.#addHost(i, '', true, 0);
      else if (forced !== null || random.chance(0.6)) {
        const malice = forced === null && random.chance(0.3) ? random.next() * 0.3 : 0;
        this.#addHost(i, 'a', false, malice);
        this.#addHost(i, 'b', false, malice);
      } else this.#addHost(i, '', false, random.next() * 0.8);
    }
  }

  #say(text: string): void {
    this.trace?.(`${((this.#clock.now - START_MS) / 1000).toFixed(3).padStart(8)} ${text}`);
  }

  #addHost(i: number, copy: string, isCorrect: boolean, malice: number): void {
    const random = this.#random;
    const memberId = memberIdOf(i);
    const host: Host = {
      id: `${memberId}${copy}`,
      memberId,
      privateKey: privateKeyOf(i),
      isCorrect,
      disk: new VirtualDisk(random),
      skewMs: random.int(-MAX_SKEW_MS, MAX_SKEW_MS),
      liar: null,
      life: null,
    };
    if (malice > 0)
      host.liar = new Liar(
        random,
        this.#genesis.chainId,
        memberId,
        host.privateKey,
        () => host.life?.node ?? undefined,
        malice,
      );
    this.#hosts.push(host);
  }

  /** Everything, from the first start to the last check. */
  async run(): Promise<Outcome> {
    for (const host of this.#hosts) this.#begin(host);
    this.#planStorm();
    await this.#until(START_MS + STORM_MS);
    const waiting = this.#calm();
    const end = START_MS + STORM_MS + CALM_MS;
    await this.#until(end, () => this.#isAllFinal(waiting));
    if (!this.#isAllFinal(waiting))
      throw new Violation(
        'progress',
        `${CALM_MS / 1000} s after the storm: heights ${this.#correct()
          .map(({ id, life }) => `${id} ${life?.node?.ledger.height ?? 'down'}`)
          .join(', ')}; ` +
          `${waiting.filter((txId) => !this.#oracle.isFinal(txId)).length} of ${waiting.length} transactions wait`,
      );
    await this.#check();
    const { seed } = this;
    return { seed, height: this.#oracle.height, txs: this.#txCount, crashes: this.#crashes, events: this.#events };
  }

  #correct(): Host[] {
    return this.#hosts.filter(({ isCorrect }) => isCorrect);
  }

  async #until(end: number, isDone: () => boolean = () => false): Promise<void> {
    await settled();
    this.#throwIfViolated();
    while (!isDone() && this.#clock.step(end)) {
      this.#events += 1;
      await settled();
      this.#throwIfViolated();
    }
  }

  #throwIfViolated(): void {
    if (this.#violation !== null) throw this.#violation;
  }

  #fail(error: unknown): void {
    this.#violation ??= error;
  }

  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fatal(id: string, error: unknown): void {
    if (error instanceof Crashed || !this.#host(id).isCorrect) return;
    this.#fail(
      error instanceof Violation ? error : new Violation('fatal', `${id}: ${String((error as Error).stack ?? error)}`),
    );
  }

  #refused(from: string, to: string, reason: string): void {
    const [sender, receiver] = [this.#host(from), this.#host(to)];
    this.#say(`${to} refuses what ${from} sent: ${reason}`);
    if (this.forced === null && sender.isCorrect && receiver.isCorrect && receiver.life !== null)
      this.#fail(new Violation('refusal', `${to} refuses a frame of ${from}: ${reason}`));
  }

  #host(id: string): Host {
    return this.#hosts.find((host) => host.id === id)!;
  }

  #worldOf(host: Host, life: Life): World {
    return {
      now: () => this.#clock.now + (this.#isStorm ? host.skewMs : 0),
      after: (ms, run) =>
        this.#clock.after(ms, () => {
          if (host.life !== life) return;
          try {
            run();
          } catch (error) {
            this.#fatal(host.id, error);
          }
        }),
      disk: host.disk.open(() => {
        if (host.life !== life) throw new Crashed();
        life.writesLeft -= 1;
        if (life.writesLeft > 0) return;
        this.#say(`${host.id} crashes at a write`);
        this.#crash(host);
        throw new Crashed();
      }),
      signatures: simSignatures,
      links: (events) => {
        life.links = this.#network.join(host.id, host.memberId, events, (bytes) => this.#tap(host, bytes));
        return life.links;
      },
      fatal: (error) => this.#fatal(host.id, error),
    };
  }

  #tap(host: Host, bytes: Buffer): Buffer[] {
    const validators = this.#genesis.members.map(({ memberId }) => memberId);
    if (host.isCorrect)
      this.#guard(() => this.#oracle.sent(host.id, bytes, (height, round) => proposerOf(validators, height, round)));
    return host.liar === null ? [bytes] : host.liar.tap(bytes);
  }

  #begin(host: Host): void {
    const life: Life = { node: null, links: null, writesLeft: Infinity };
    host.life = life;
    const options = {
      memberId: host.memberId,
      privateKey: host.privateKey,
      genesis: this.#genesis,
      timeouts: { ...DEFAULT_TIMEOUTS, heartbeat: HEARTBEAT_MS },
      logger: this.#loggerOf(host),
    };
    const start = async () => {
      const node = await LedgerNode.open(options, this.#worldOf(host, life));
      life.node = node;
      if (host.isCorrect && this.forced === null) this.#watch(host, node);
      await node.start();
    };
    start().catch((error: unknown) => this.#fatal(host.id, error));
  }

  #watch(host: Host, node: LedgerNode): void {
    this.#guard(() => this.#oracle.restarted(host.id, node.ledger.height, node.ledger.head));
    node.on('block', (header, txIds) => {
      this.#say(`${host.id} decides ${header.height}, ${txIds.length} transactions`);
      const isFirst = header.height > this.#oracle.height;
      this.#guard(() => this.#oracle.decided(host.id, header, txIds));
      if (isFirst && this.#isStorm && this.#random.chance(this.#isolation)) this.#isolate(host);
    });
  }

  #loggerOf(host: Host): Logger {
    if (this.trace === null) return quiet;
    const log = (level: string) => (data: object, message: string) =>
      this.#say(`${host.id} ${level} ${message} ${JSON.stringify(data)}`);
    const none = () => {};
    return {
      debug: none,
      info: none,
      warn: log('warn'),
      error: log('error'),
      fatal: log('fatal'),
    } as unknown as Logger;
  }

  #crash(host: Host): void {
    if (host.life === null) return;
    this.#crashes += 1;
    host.life.links?.leave();
    host.life = null;
    host.disk.crash();
    if (!this.#isStorm) return;
    const down = this.#random.int(50, 5000);
    this.#clock.after(down, () => this.#restart(host));
  }

  #restart(host: Host): void {
    if (host.life !== null) return;
    this.#say(`${host.id} starts again`);
    this.#begin(host);
  }

  #planStorm(): void {
    const random = this.#random;
    const during = (run: () => void) =>
      this.#clock.after(random.int(0, STORM_MS - 1), () => {
        if (this.#isStorm) this.#guard(run);
      });
    const many = (max: number, run: () => void) => {
      const count = random.chance(0.25) ? 0 : random.int(0, max);
      for (let i = 0; i < count; i += 1) during(run);
    };
    many(10, () => this.#crashSome());
    many(6, () => this.#cut());
    many(8, () => this.#deafen());
    many(40, () => this.#muffle());
    for (let i = random.int(5, 60); i > 0; i -= 1) during(() => void this.#submit(random.pick(this.#hosts)));
    for (const host of this.#hosts) if (!host.isCorrect && host.id.endsWith('a')) this.#dealTwins(host);
  }

  /** Each correct node meets one of the twins, or both. */
  #dealTwins(twin: Host): void {
    const other = `${twin.memberId}b`;
    for (const { id } of this.#correct()) {
      const which = this.#random.int(0, 2);
      if (which === 0) this.#network.keepApart(twin.id, id);
      if (which === 1) this.#network.keepApart(other, id);
    }
  }

  #crashSome(): void {
    const host = this.#random.pick(this.#hosts);
    if (host.life === null) return;
    if (this.#random.chance(0.3)) {
      this.#say(`${host.id} crashes`);
      this.#crash(host);
    } else host.life.writesLeft = Math.min(host.life.writesLeft, this.#random.int(1, 30));
  }

  /** The one that decided first is cut off before the others know: what they are locked on is all that keeps them to it. */
  #isolate(host: Host): void {
    this.#say(`${host.id} is cut off`);
    this.#network.partition(new Map(this.#hosts.map(({ id }) => [id, id === host.id ? 1 : 2])));
    this.#clock.after(this.#random.int(1000, 8000), () => this.#network.partition(new Map()));
  }

  /** One node does not hear one kind of message for a round or two. */
  #muffle(): void {
    const { id } = this.#random.pick(this.#hosts);
    this.#network.muffle(id, this.#random.pick(KINDS));
    this.#clock.after(this.#random.int(300, 3000), () => this.#network.muffle(id, null));
  }

  #deafen(): void {
    const [from, to] = [this.#random.pick(this.#hosts).id, this.#random.pick(this.#hosts).id];
    this.#say(`${to} does not hear ${from}`);
    this.#network.setDeaf(from, to, true);
    this.#clock.after(this.#random.int(300, 6000), () => this.#network.setDeaf(from, to, false));
  }

  #cut(): void {
    const parts = this.#random.int(2, 3);
    const groups = new Map(this.#hosts.map(({ id }) => [id, this.#random.int(1, parts)]));
    this.#say(`partition ${JSON.stringify(Object.fromEntries(groups))}`);
    this.#network.partition(groups);
    this.#clock.after(this.#random.int(300, 8000), () => {
      this.#say('partition heals');
      this.#network.partition(new Map());
    });
  }

  #submit(host: Host): string | null {
    const node = host.life?.node;
    if (node === undefined || node === null) return null;
    this.#txCount += 1;
    const records = Array.from({ length: this.#random.int(1, 3) }, () => ({
      stream: 'archive',
      key: KEY,
      digest: this.#random.bytes(32),
      note: Buffer.alloc(0),
    }));
    const sender = host.memberId;
    const tx = signAttestation(
      { chainId: 'sim', sender, nonce: this.#random.bytes(16), records },
      host.privateKey,
      simSignatures,
    );
    const txId = txIdOf(tx).toString('hex');
    this.#oracle.submitted(txId);
    node.submit(encodeTransaction(tx)).catch((error: unknown) => this.#fatal(host.id, error));
    return txId;
  }

  /** The storm is over: all run, all hear each other, clocks are right. Gives what must become final. */
  #calm(): string[] {
    this.#say('calm');
    this.#isStorm = false;
    this.#network.partition(new Map());
    for (const { id } of this.#hosts) this.#network.muffle(id, null);
    this.#network.weather = { minDelayMs: 1, maxDelayMs: 30, loss: 0, duplication: 0 };
    for (const host of this.#hosts) {
      if (host.life !== null) host.life.writesLeft = Infinity;
      else this.#restart(host);
    }
    const waiting: string[] = [];
    // Nodes that start now take transactions a moment later.
    this.#clock.after(1000, () => {
      for (const host of this.#correct()) {
        const txId = this.#submit(host);
        if (txId === null) this.#fail(new Violation('progress', `${host.id} does not run`));
        else waiting.push(txId);
      }
    });
    return waiting;
  }

  #isAllFinal(waiting: readonly string[]): boolean {
    return (
      waiting.length > 0 &&
      waiting.every((txId) => this.#oracle.isFinal(txId)) &&
      this.#correct().every(({ life }) => life?.node?.ledger.height === this.#oracle.height)
    );
  }

  /**
   * More faulty members than the protocol bears (f + 1 of 4, each in two copies), one side of each half of the others:
   * the chain forks. What the correct nodes then hold against members, once they hear each other again.
   */
  static async fork(seed: number): Promise<{ id: string; forks: EvidenceJson[] }[]> {
    const sim = new Simulation(seed, null, { members: 4, twins: 2 });
    const left = new Set(['m0a', 'm1a', 'm2']);
    sim.#network.partition(new Map(sim.#hosts.map(({ id }) => [id, left.has(id) ? 1 : 2])));
    for (const host of sim.#hosts) sim.#begin(host);
    for (const host of sim.#hosts) sim.#clock.after(1000, () => void sim.#submit(host));
    await sim.#until(START_MS + STORM_MS);
    sim.#isStorm = false;
    sim.#network.partition(new Map());
    await sim.#until(START_MS + STORM_MS + CALM_MS);
    return Promise.all(
      sim.#correct().map(async ({ id, life }) => {
        const found = await life!.node!.ledger.store.evidence(Infinity);
        return { id, forks: found.filter(({ type }) => type === 'fork') };
      }),
    );
  }

  /** All correct nodes hold the same log, and it is the one that their entries give when hashed again. */
  async #check(): Promise<void> {
    for (const { id, life } of this.#correct()) {
      const { store, height } = life!.node!.ledger;
      const leaves: Buffer[] = [];
      for await (const entry of store.entries()) leaves.push(leafHash(entry));
      const { header } = await store.block(height);
      if (header.logSize !== leaves.length || !merkleRoot(leaves).equals(header.logRoot))
        throw new Violation('validity', `the log of ${id} does not give the root of height ${height}`);
      for (const { accused } of await store.evidence(Infinity))
        for (const memberId of accused)
          if (this.#correct().some((host) => host.memberId === memberId))
            throw new Violation('evidence', `${id} accuses ${memberId}, which is correct`);
    }
  }
}

import { createLogger, type Logger } from '../../platform/observe/logger.ts';
import { VoteType } from '../codec/vote.ts';
import { encodeChange, txTypeOf } from '../codec/change.ts';
import { type Member, validatorsOf } from '../codec/member.ts';
import { encodeTransaction, signAttestation, signTransaction, type Transaction, txIdOf } from '../codec/transaction.ts';
import { DEFAULT_TIMEOUTS } from '../consensus/timeouts.ts';
import { inlineChecker } from '../mempool/checker.ts';
import { type Genesis, parseGenesis } from '../genesis.ts';
import { LedgerNode } from '../node.ts';
import { LedgerError } from '../errors.ts';
import type { EvidenceJson } from '../state/evidence.ts';
import { leafHash, merkleRoot } from '../state/merkle.ts';
import type { LedgerReader } from '../state/reader.ts';
import type { Certificate } from '../codec/block.ts';
import { Frame } from '../p2p/frames.ts';
import type { Links, World } from '../world.ts';
import { Liar } from './byzantine.ts';
import { Clock } from './clock.ts';
import { Decisions, type Planned } from './decisions.ts';
import { Crashed, isFull, VirtualDisk } from './disk.ts';
import { VirtualNetwork } from './network.ts';
import { Oracle, Violation } from './oracle.ts';
import { Random } from './random.ts';
import { type Scenario, scenarioOf } from './scenario.ts';
import { publicKeyOf, simSignatures } from './signatures.ts';

const START_MS = Date.parse('2026-01-01T00:00:00Z');
const STORM_MS = 20_000;
/** After the storm every correct node must have all within this. */
const CALM_MS = 90_000;
/** Two sides that hear each other again see a fork within this. */
const MEET_MS = 8000;
const HEARTBEAT_MS = 8000;
const CHECKPOINT_MS = 1500;
const MAX_SKEW_MS = 3000;
/** An observer takes a snapshot sooner than a real one: runs are short. */
const FEW_BLOCKS = 4;
const OBSERVER = 50;
/** A member's next key is that of this many members on. */
const NEXT_KEY = 100;
const LAST_SIGNED = 'last-signed';
const KEY = Buffer.from('key');
const OVERTAKEN: ReadonlySet<LedgerError['code']> = new Set(['sender-unknown', 'signature-invalid']);
/** What a storm may lose more often than the rest. */
const KINDS = [
  (bytes: Buffer) => bytes[0] === Frame.proposal,
  (bytes: Buffer) => bytes[0] === Frame.vote && bytes[1] === VoteType.prevote,
  (bytes: Buffer) => bytes[0] === Frame.vote && bytes[1] === VoteType.precommit,
  (bytes: Buffer) => bytes[0] === Frame.status,
];

const quiet = createLogger('sim', 'silent');
const genesisOf = new Map<string, Genesis>();

const memberIdOf = (i: number) => `m${i}`;
const privateKeyOf = (i: number) => Buffer.alloc(32, i + 1);

function genesis(members: number, withObserver: boolean): Genesis {
  const name = `${members} ${withObserver}`;
  const known = genesisOf.get(name);
  if (known !== undefined) return known;
  const numbers = [...Array(members).keys(), ...(withObserver ? [OBSERVER] : [])];
  const made = parseGenesis({
    chainId: 'sim',
    time: new Date(START_MS - 3_600_000).toISOString(),
    members: numbers.map((i) => ({
      memberId: memberIdOf(i),
      name: memberIdOf(i),
      publicKey: publicKeyOf(privateKeyOf(i)).toString('hex'),
      role: i === OBSERVER ? 'observer' : 'validator',
    })),
  });
  genesisOf.set(name, made);
  return made;
}

/** One copy of a member: its disk outlives its lives. */
interface Host {
  id: string;
  memberId: string;
  /** The present one, and the one that it may rotate to. */
  privateKeys: Buffer[];
  sync: 'blocks' | 'snapshot';
  isCorrect: boolean;
  disk: VirtualDisk;
  skewMs: number;
  liar: Liar | null;
  /** Its disk changes what was written, while the node is down. */
  isRotting: boolean;
  /** Its disk may go back to this older state of itself while the node is down; null: it does not, or none was kept yet. */
  restore: (() => void) | null;
  /** It has lost, or may lose, what it decided and signed. */
  isForgetful: boolean;
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
  /** Times that other members took over. */
  handovers: number;
  events: number;
}

/** Every turn of the event loop empties the queue of promises first, so nothing is under way when it resolves. */
const settled = () => new Promise((done) => setImmediate(done));

/**
 * One run: real nodes (consensus, mempool, gossip, catching up, storage) on a virtual clock, network and disk, all bent
 * as the seed says. For 20 virtual seconds: delay, loss, duplication, reordering, partitions, skewed clocks, crashes at any
 * write with torn tails, and up to f faulty members (twins with one key, liars). Half of the seeds have more: members that
 * change by vote, an observer, full disks, a backup that is put back (scenario.ts). Then calm: everything must become final
 * everywhere. Throws Violation.
 */
export class Simulation {
  readonly #random: Random;
  readonly #clock = new Clock(START_MS);
  readonly #network: VirtualNetwork;
  readonly #oracle: Oracle;
  readonly #hosts: Host[] = [];
  readonly #genesis: Genesis;
  #faulty: number;
  #tolerated: number;
  #violation: unknown = null;
  #events = 0;
  #crashes = 0;
  #txCount = 0;
  #isStorm = true;
  readonly #scenario: Scenario;
  readonly #decisions: Decisions;
  /** Transactions that came too late for the key that signed them. */
  readonly #overtaken = new Set<string>();
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
    this.#scenario = scenarioOf(forced === null ? seed : null);
    const { observer, restores } = this.#scenario;
    this.#genesis = genesis(n, observer !== 'none');
    this.#decisions = new Decisions(this.#genesis.chainId);
    this.#oracle = new Oracle(this.#genesis);
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
    this.#tolerated = f;
    const drawn = forced?.twins ?? (random.chance(0.3) ? 0 : random.int(1, f));
    // Who has an old disk put back is one of the f.
    const faulty = restores === 'none' ? drawn : Math.min(drawn, f - 1);
    this.#faulty = faulty;
    for (let i = 0; i < n; i += 1) {
      if (i >= faulty) this.#addHost(i, '', true, 0);
      else if (forced !== null || random.chance(0.6)) {
        const malice = forced === null && random.chance(0.3) ? random.next() * 0.3 : 0;
        this.#addHost(i, 'a', false, malice);
        this.#addHost(i, 'b', false, malice);
      } else this.#addHost(i, '', false, random.next() * 0.8);
    }
    if (observer !== 'none') this.#addHost(OBSERVER, '', true, 0).sync = observer;
  }

  #say(text: string): void {
    this.trace?.(`${((this.#clock.now - START_MS) / 1000).toFixed(3).padStart(8)} ${text}`);
  }

  #addHost(i: number, copy: string, isCorrect: boolean, malice: number): Host {
    const random = this.#random;
    const memberId = memberIdOf(i);
    const host: Host = {
      id: `${memberId}${copy}`,
      memberId,
      privateKeys: [privateKeyOf(i)],
      sync: 'blocks',
      isCorrect,
      disk: new VirtualDisk(random),
      skewMs: random.int(-MAX_SKEW_MS, MAX_SKEW_MS),
      liar: null,
      isRotting: false,
      restore: null,
      isForgetful: false,
      life: null,
    };
    if (malice > 0)
      host.liar = new Liar(
        random,
        this.#genesis.chainId,
        memberId,
        privateKeyOf(i),
        () => host.life?.node ?? undefined,
        malice,
      );
    this.#hosts.push(host);
    return host;
  }

  /** Everything, from the first start to the last check. */
  async run(): Promise<Outcome> {
    for (const host of this.#hosts) if (host.memberId !== memberIdOf(OBSERVER)) this.#begin(host);
    this.#planStorm();
    this.#planScenario();
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
          `${waiting.filter((txId) => !this.#oracle.isFinal(txId)).length} of ${waiting.length} transactions wait; ` +
          `not decided: ${this.#pending()
            .map(({ change, memberId }) => `${change.type} ${memberId}`)
            .join(', ')}`,
      );
    await this.#check();
    const { height, handovers } = this.#oracle;
    return { seed: this.seed, height, txs: this.#txCount, crashes: this.#crashes, handovers, events: this.#events };
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
    const host = this.#host(id);
    if (error instanceof Crashed || !host.isCorrect) return;
    // As the real world does: the process ends, and is started again.
    if (isFull(error)) return this.#crash(host);
    if (host.isRotting && error instanceof LedgerError && error.code === 'store-corrupt') return this.#crash(host);
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
    const disk = host.disk.open(() => {
      if (host.life !== life) throw new Crashed();
      life.writesLeft -= 1;
      if (life.writesLeft > 0) return;
      this.#say(`${host.id} crashes at a write`);
      this.#crash(host);
      throw new Crashed();
    });
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
      disk,
      vault: disk,
      signatures: simSignatures,
      checker: inlineChecker(simSignatures),
      links: (events) => {
        const { id, memberId, privateKeys } = host;
        const holds = (key: Uint8Array) => privateKeys.some((one) => publicKeyOf(one).equals(key));
        life.links = this.#network.join({ id, memberId, holds }, events, (bytes) => this.#tap(host, bytes));
        return life.links;
      },
      fatal: (error) => this.#fatal(host.id, error),
    };
  }

  #tap(host: Host, bytes: Buffer): Buffer[] {
    if (host.isCorrect) this.#guard(() => this.#oracle.sent(host.id, bytes));
    return host.liar === null ? [bytes] : host.liar.tap(bytes);
  }

  #begin(host: Host): void {
    const life: Life = { node: null, links: null, writesLeft: Infinity };
    host.life = life;
    const options = {
      memberId: host.memberId,
      privateKeys: host.privateKeys,
      genesis: this.#genesis,
      timeouts: { ...DEFAULT_TIMEOUTS, heartbeat: HEARTBEAT_MS, checkpoint: CHECKPOINT_MS },
      sync: host.sync,
      fewBlocks: FEW_BLOCKS,
      logger: this.#loggerOf(host),
    };
    const start = async () => {
      const node = await LedgerNode.open(options, this.#worldOf(host, life));
      life.node = node;
      node.on('evidence', (txId, encoded) => this.#oracle.submitted(txId, encoded));
      if (host.isCorrect && this.forced === null) this.#watch(host, node);
      await node.start();
    };
    start().catch((error: unknown) => this.#fatal(host.id, error));
  }

  #watch(host: Host, node: LedgerNode): void {
    const { ledger } = node;
    this.#guard(() => this.#oracle.restarted(host.id, ledger.height, ledger.head, host.isForgetful));
    const isEmpty = ledger.height === 0;
    node.on('block', (header, txIds) => {
      this.#say(`${host.id} decides ${header.height}, ${txIds.length} transactions`);
      const isFirst = header.height > this.#oracle.height;
      if (isEmpty && header.height === ledger.base.height + 1) this.#oracle.begun(host.id, ledger.base.height);
      this.#guard(() => this.#oracle.decided(host.id, header, { txIds, next: ledger.validators }, this.#clock.now));
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
    if (host.restore !== null && this.#scenario.random.chance(0.7)) {
      this.#say(`${host.id} gets an old disk back`);
      host.restore();
    }
    if (host.isRotting && this.#random.chance(0.5)) {
      this.#say(`the disk of ${host.id} rots`);
      for (let i = this.#random.int(1, 30); i > 0; i -= 1) host.disk.rot();
    }
    // In the calm only a rotten disk, found then, ends a life; a full one is not full any more.
    if (!this.#isStorm && !host.isRotting) return;
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
    // Who has lost what it decided is silent at those heights: it counts among the f.
    if (this.#scenario.restores === 'none' && this.#faulty < this.#tolerated && random.chance(0.6)) {
      const host = random.pick(this.#correct());
      host.isRotting = true;
      host.isForgetful = true;
    }
    many(10, () => this.#crashSome());
    many(6, () => this.#cut());
    many(8, () => this.#deafen());
    many(40, () => this.#muffle());
    for (let i = random.int(5, 60); i > 0; i -= 1) during(() => void this.#submit(random.pick(this.#hosts)));
    for (const host of this.#hosts) if (!host.isCorrect && host.id.endsWith('a')) this.#dealTwins(host);
  }

  #planScenario(): void {
    const { random, isGoverned, observer, hasFullDisks, restores } = this.#scenario;
    const during = (run: () => void, from = 0, to = STORM_MS - 1) =>
      this.#clock.after(random.int(from, to), () => {
        if (this.#isStorm) this.#guard(run);
      });
    if (observer !== 'none') {
      const host = this.#host(memberIdOf(OBSERVER));
      during(() => this.#restart(host));
    }
    if (hasFullDisks)
      for (let i = random.int(1, 5); i > 0; i -= 1) during(() => this.#fill(random.pick(this.#correct())));
    if (restores !== 'none') {
      const host = random.pick(this.#correct().filter(({ memberId }) => memberId !== memberIdOf(OBSERVER)));
      host.isForgetful = true;
      const without = restores === 'data' ? [LAST_SIGNED] : [];
      // A copy that is hardly older than what is lost is the one that knows least of what it has not.
      const copy = () => {
        host.restore = host.disk.backup(without);
        this.#clock.after(random.int(5, 1500), () => {
          if (this.#isStorm) this.#guard(() => this.#crash(host));
        });
      };
      for (let i = random.int(2, 8); i > 0; i -= 1) during(copy);
    }
    if (isGoverned) this.#planDecisions();
  }

  /** Changes that leave no more faulty members than are borne, whichever of them are adopted and in whatever order. */
  #planDecisions(): void {
    const { random } = this.#scenario;
    const forgetful = this.#hosts.filter(({ isForgetful }) => isForgetful).length;
    const validators = validatorsOf(this.#genesis.members);
    const isBorne = this.#faulty + forgetful <= Math.floor((validators.length - 2) / 3);
    const free = [...validators];
    const take = () => free.splice(random.int(0, free.length - 1), 1)[0]!;
    const named = () => (random.chance(0.5) ? 0 : this.#oracle.height + random.int(1, 6));
    const number = (memberId: string) => Number(memberId.slice(1));
    this.#decisions.fewest = validators.length;
    const makers: (() => Planned)[] = [];
    if (isBorne && random.chance(0.5)) {
      const memberId = take();
      this.#decisions.fewest -= 1;
      makers.push(() => this.#decisions.remove(memberId, privateKeyOf(number(memberId)), named()));
    }
    for (let i = random.int(0, 2); i > 0; i -= 1) {
      const memberId = take();
      const next = privateKeyOf(number(memberId) + NEXT_KEY);
      for (const host of this.#hosts) if (host.memberId === memberId) host.privateKeys.push(next);
      makers.push(() => this.#decisions.set(memberId, 'validator', next, named()));
    }
    if (makers.length === 0 || random.chance(0.6)) {
      const i = validators.length;
      const host = this.#addHost(i, '', true, 0);
      const role = random.chance(0.7) ? 'validator' : 'observer';
      makers.push(() => {
        this.#restart(host);
        return this.#decisions.set(host.memberId, role, privateKeyOf(i), named());
      });
    }
    for (const make of makers)
      this.#clock.after(random.int(0, STORM_MS - 1), () => {
        const planned = make();
        this.#say(`${planned.change.type} ${planned.memberId} from height ${planned.change.height} is put to all`);
        for (const { id } of this.#correct())
          this.#clock.after(random.int(0, 3000), () => this.#guard(() => this.#approve(id, planned)));
      });
  }

  #approve(id: string, planned: Planned): void {
    const host = this.#host(id);
    const key = this.#keyOf(host);
    if (key === null || !host.life!.node!.ledger.validators.includes(host.memberId)) return;
    const { change, approvals } = planned;
    const { memberId: sender } = host;
    const unsigned = { chainId: this.#genesis.chainId, sender, nonce: this.#scenario.random.bytes(16) };
    const tx = signTransaction({ ...unsigned, type: txTypeOf(change), body: encodeChange(change) }, key, simSignatures);
    approvals.push({ memberId: sender, txId: this.#send(host, tx) });
  }

  #fill(host: Host): void {
    this.#say(`the disk of ${host.id} is full`);
    host.disk.isFull = true;
    this.#clock.after(this.#scenario.random.int(300, 6000), () => (host.disk.isFull = false));
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

  /** The key by which a running host is known to its own node; null: it is down, or no member there. */
  #keyOf({ memberId, privateKeys, life }: Host): Buffer | null {
    const known = life?.node?.ledger.publicKeyOf(memberId);
    return privateKeys.find((key) => known?.equals(publicKeyOf(key))) ?? null;
  }

  #send(host: Host, tx: Transaction): string {
    const txId = txIdOf(tx).toString('hex');
    const encoded = encodeTransaction(tx);
    this.#oracle.submitted(txId, encoded);
    host.life!.node!.submit(encoded).catch((error: unknown) => {
      // A block may have come meanwhile in which it is no member, or has another key.
      const isOvertaken = error instanceof LedgerError && OVERTAKEN.has(error.code);
      if (this.#scenario.isGoverned && isOvertaken) this.#overtaken.add(txId);
      else this.#fatal(host.id, error);
    });
    return txId;
  }

  #submit(host: Host): string | null {
    const key = this.#keyOf(host);
    if (key === null) return null;
    this.#txCount += 1;
    const records = Array.from({ length: this.#random.int(1, 3) }, () => ({
      stream: 'archive',
      key: KEY,
      digest: this.#random.bytes(32),
      note: Buffer.alloc(0),
    }));
    const sender = host.memberId;
    const tx = signAttestation({ chainId: 'sim', sender, nonce: this.#random.bytes(16), records }, key, simSignatures);
    return this.#send(host, tx);
  }

  /** The storm is over: all run, all hear each other, clocks are right. Gives what must become final. */
  #calm(): string[] {
    this.#say('calm');
    this.#isStorm = false;
    this.#network.partition(new Map());
    for (const { id } of this.#hosts) this.#network.muffle(id, null);
    this.#network.weather = { minDelayMs: 1, maxDelayMs: 30, loss: 0, duplication: 0 };
    for (const host of this.#hosts) {
      host.disk.isFull = false;
      if (host.life !== null) host.life.writesLeft = Infinity;
      else this.#restart(host);
    }
    const waiting: string[] = [];
    // Nodes that start now take transactions a moment later.
    this.#clock.after(1000, () => {
      for (const host of this.#correct()) {
        if (!this.#isMember(host)) continue;
        const txId = this.#submit(host);
        if (txId === null && !this.#scenario.isGoverned)
          this.#fail(new Violation('progress', `${host.id} does not run`));
        else if (txId !== null) waiting.push(txId);
      }
      if (this.#scenario.isGoverned) this.#hurry();
    });
    return waiting;
  }

  /** What was put to the members and has not come. */
  #pending(): Planned[] {
    return this.#decisions.pending(this.#membersNow());
  }

  /** Who has not been heard says it again, and blocks follow each other until the heights have come that changes name. */
  #hurry(): void {
    if (this.#pending().length === 0) return;
    for (const one of this.#pending()) for (const { id } of this.#correct()) this.#approve(id, one);
    this.#submit(this.#scenario.random.pick(this.#correct()));
    this.#clock.after(1500, () => this.#guard(() => this.#hurry()));
  }

  #isAllFinal(waiting: readonly string[]): boolean {
    return (
      waiting.length > 0 &&
      waiting.every((txId) => this.#oracle.isFinal(txId) || this.#isRefused(txId)) &&
      this.#correct().every(
        (host) => !this.#isMember(host) || host.life?.node?.ledger.height === this.#oracle.height,
      ) &&
      this.#pending().length === 0
    );
  }

  /** By a node of a sender that is no member any more, or has another key. */
  #isRefused(txId: string): boolean {
    if (this.#overtaken.has(txId)) return true;
    return this.#scenario.isGoverned && this.#correct().some(({ life }) => life?.node?.failed.has(txId) === true);
  }

  /** The node that is farthest. */
  #membersNow(): readonly Member[] {
    const ledgers = this.#correct().flatMap(({ life }) => life?.node?.ledger ?? []);
    const highest = ledgers.find(({ height }) => height === this.#oracle.height);
    return highest?.members ?? this.#genesis.members;
  }

  #isMember({ memberId }: Host): boolean {
    return this.#membersNow().some((member) => member.memberId === memberId);
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
    await sim.#until(START_MS + STORM_MS + MEET_MS);
    return Promise.all(
      sim.#correct().map(async ({ id, life }) => {
        const found = await life!.node!.ledger.store.evidence(Infinity);
        return { id, forks: found.filter(({ type }) => type === 'fork') };
      }),
    );
  }

  /** Every block from one on, each hashed again; gives the last. */
  async #readAll(reader: LedgerReader, from: number, height: number, id: string): Promise<Certificate> {
    try {
      for (let at = from; at < height; at += 1) await reader.block(at);
      return await reader.block(height);
    } catch (error) {
      if (error instanceof LedgerError && error.code === 'store-corrupt') throw error;
      throw new Violation('validity', `${id}: ${(error as Error).message}`);
    }
  }

  /** All correct nodes hold the same log, and it is the one that their entries give when hashed again. */
  async #check(): Promise<void> {
    for (const host of this.#correct())
      try {
        await this.#checkOne(host);
      } catch (error) {
        // What a rotten disk changed, and nobody had read until now, is named.
        if (!(error instanceof LedgerError) || error.code !== 'store-corrupt') throw error;
        if (!host.isRotting) throw new Violation('validity', `${host.id}: ${error.message}`);
      }
  }

  async #checkOne({ id, life }: Host): Promise<void> {
    const { ledger, reader } = life!.node!;
    const { store, height, base } = ledger;
    if (height === base.height) return;
    const { header } = await this.#readAll(reader, base.height + 1, height, id);
    const found = await reader.records(base.logSize, ledger.logSize - base.logSize);
    const leaves = found.map(({ encoded }) => leafHash(encoded));
    const isWhole = header.logSize === base.logSize + leaves.length;
    if (!isWhole || (base.height === 0 && !merkleRoot(leaves).equals(header.logRoot)))
      throw new Violation('validity', `the log of ${id} does not give the root of height ${height}`);
    for (const handover of ledger.handovers) {
      const [before, after] = [await ledger.membersAt(handover), await ledger.membersAt(handover + 1)];
      this.#decisions.explain(handover, before, after, (txId) => this.#oracle.finalAt(txId));
    }
    for (const finding of await store.evidence(Infinity))
      for (const memberId of 'memberId' in finding ? [finding.memberId] : finding.accused)
        if (this.#correct().some((host) => host.memberId === memberId))
          throw new Violation('evidence', `${id} accuses ${memberId}, which is correct`);
  }
}

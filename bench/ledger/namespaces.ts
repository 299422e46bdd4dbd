import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { accessSync, constants, existsSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { startTicks } from '../../ops/launch/part.ts';
import type { SwitchOrder, Wire } from './packet-switch.ts';

const PREFIX = 'sealfolio-';
const CLEAN: Wire = { loss: 0, delayMs: 0, jitterMs: 0 };
const ip = (...args: string[]) => execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

/** Namespaces of earlier runs whose process is no more. */
function removeLeftovers(): void {
  for (const line of ip('netns', 'list').split('\n')) {
    const [name = ''] = line.split(' ');
    const [, pid, started] = /^sealfolio-(\d+)-(\d+)-/.exec(name) ?? [];
    if (pid !== undefined && startTicks(Number(pid)) !== started) ip('netns', 'delete', name);
  }
}

/** Network namespaces, one a node, joined by a switch of ours (packet-switch.ts) to each other and to this machine. */
export class Namespaces {
  readonly #names: string[];
  readonly #net: string;
  #switch: ChildProcess | undefined;
  #wires: Wire[][];

  private constructor(readonly count: number) {
    const own = `${PREFIX}${process.pid}-${startTicks(process.pid)}-`;
    const run = randomInt(36 ** 4).toString(36);
    this.#names = Array.from({ length: count }, (_, i) => `${own}${run}-${i + 1}`);
    const taken = new Set(Object.values(os.networkInterfaces()).flatMap((list) => (list ?? []).map((i) => i.address)));
    // RFC 2544: addresses for tests of networks.
    do this.#net = `198.${randomInt(18, 20)}.${randomInt(256)}`;
    while (taken.has(`${this.#net}.${count + 1}`));
    this.#wires = this.#clean();
  }

  /** Why this machine has none for us, or null if it has. */
  static obstacle(): string | null {
    if (process.platform !== 'linux' || process.getuid!() !== 0) return 'network namespaces need root on Linux';
    if (!existsSync('/dev/net/tun')) return 'there is no /dev/net/tun';
    try {
      accessSync('/dev/net/tun', constants.R_OK | constants.W_OK);
      const name = `${PREFIX}${process.pid}-${startTicks(process.pid)}-probe`;
      ip('netns', 'add', name);
      ip('netns', 'delete', name);
      return null;
    } catch (error) {
      return (error as Error).message.trim();
    }
  }

  static async create(count: number): Promise<Namespaces> {
    removeLeftovers();
    const made = new Namespaces(count);
    try {
      await made.#join();
    } catch (error) {
      made.remove();
      throw error;
    }
    return made;
  }

  async #join(): Promise<void> {
    const devices = [...this.#names.keys(), this.count].map(
      (i) => `sf${this.#net.slice(4).replace('.', 'x')}p${i + 1}`,
    );
    this.#switch = fork(path.join('dist', 'packet-switch.cjs'), devices, {
      // A read of each device waits in a thread.
      env: { ...process.env, NODE_OPTIONS: '', UV_THREADPOOL_SIZE: String(devices.length + 4) },
      execArgv: [],
      // Ctrl-C ends the run, which then needs its network for the last check.
      detached: true,
    });
    await once(this.#switch, 'message');
    for (const [i, device] of devices.entries()) {
      const name = this.#names[i];
      const at = name === undefined ? [] : ['-n', name];
      if (name !== undefined) {
        ip('netns', 'add', name);
        ip('link', 'set', device, 'netns', name);
        ip(...at, 'link', 'set', 'lo', 'up');
      }
      ip(...at, 'address', 'add', `${this.address(i)}/24`, 'dev', device);
      ip(...at, 'link', 'set', device, 'up');
    }
    await this.#tell();
  }

  #clean(): Wire[][] {
    return Array.from({ length: this.count + 1 }, () => Array.from({ length: this.count + 1 }, () => CLEAN));
  }

  async #tell(): Promise<void> {
    const order: SwitchOrder = { wires: this.#wires };
    this.#switch!.send(order);
    await once(this.#switch!, 'message');
  }

  /** Of a node; `count` itself: of this machine. */
  address(node: number): string {
    return `${this.#net}.${node + 1}`;
  }

  /** A command line, to be run in a node's namespace. It becomes that process: the id is the same. */
  within(node: number, command: string, args: readonly string[]): { command: string; args: string[] } {
    return { command: 'ip', args: ['netns', 'exec', this.#names[node]!, command, ...args] };
  }

  /** What the wire from one node to another is; null: nothing is wrong with it. This machine reaches all, always. */
  async set(wire: (from: number, to: number) => Partial<Wire> | null): Promise<void> {
    this.#wires = this.#clean().map((row, from) =>
      row.map((clean, to) =>
        from === this.count || to === this.count || from === to ? clean : { ...clean, ...wire(from, to) },
      ),
    );
    await this.#tell();
  }

  heal(): Promise<void> {
    return this.set(() => null);
  }

  /** Nodes hear only those of their own group. */
  split(...groups: readonly (readonly number[])[]): Promise<void> {
    return this.set((from, to) =>
      groups.some((group) => group.includes(from) && group.includes(to)) ? null : { loss: 1 },
    );
  }

  remove(): void {
    this.#switch?.kill('SIGKILL');
    const present = ip('netns', 'list');
    for (const name of this.#names) if (present.includes(name)) ip('netns', 'delete', name);
  }
}

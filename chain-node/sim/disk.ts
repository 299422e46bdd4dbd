import type { Disk, KeyValues, LogFile } from '../world.ts';
import type { Random } from './random.ts';

/** Thrown out of every call of a node that has crashed; nothing it does counts any more. */
export class Crashed extends Error {
  override readonly name = 'Crashed';
}

/** As node:fs says it. */
const full = () => Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
export const isFull = (error: unknown): boolean => (error as { code?: string }).code === 'ENOSPC';

interface Change {
  at: number;
  bytes: Uint8Array | null;
}

function apply(content: Buffer, { at, bytes }: Change): Buffer {
  if (bytes === null) return Buffer.from(content.subarray(0, at));
  const out = Buffer.alloc(Math.max(content.length, at + bytes.length));
  content.copy(out);
  out.set(bytes, at);
  return out;
}

/** The start of what was written; the rest is missing, or the file grew and its end was never filled. */
function torn(bytes: Uint8Array, random: Random): Uint8Array {
  const length = random.int(0, bytes.length);
  return random.chance(0.5) ? bytes.subarray(0, length) : Uint8Array.from(bytes).fill(0, length);
}

/** A log as it lies on the disk: what was synced, and what came since and may be lost. */
class VirtualLog {
  synced = Buffer.alloc(0);
  changes: Change[] = [];

  get content(): Buffer {
    return this.changes.reduce<Buffer>(apply, this.synced);
  }

  sync(): void {
    this.synced = Buffer.from(this.content);
    this.changes = [];
  }

  /** Some of the last changes reach the disk, in their order; the last of those perhaps torn. */
  crash(random: Random): void {
    const kept = this.changes.slice(0, random.int(0, this.changes.length));
    const last = kept.at(-1);
    if (last !== undefined && last.bytes !== null && random.chance(0.5))
      kept[kept.length - 1] = { ...last, bytes: torn(last.bytes, random) };
    this.changes = kept;
    this.sync();
  }
}

/** A disk in memory that outlives the node, and that can make it crash at any write. */
export class VirtualDisk {
  readonly #logs = new Map<string, VirtualLog>();
  readonly #stores = new Map<string, Map<string, Buffer>>();

  /** Nothing more fits: what is written is cut short, and refused. */
  isFull = false;

  constructor(private readonly random: Random) {}

  /** All that is on it now but for some files; what gives it back that state. */
  backup(without: readonly string[]): () => void {
    const logs = [...this.#logs].filter(([name]) => !without.includes(name));
    const kept = logs.map(([name, log]) => [name, Buffer.from(log.content)] as const);
    const stores = [...this.#stores].map(([name, values]) => [name, new Map(values)] as const);
    return () => {
      for (const name of this.#logs.keys()) if (!without.includes(name)) this.#logs.delete(name);
      for (const [name, content] of kept) {
        const log = new VirtualLog();
        log.synced = Buffer.from(content);
        this.#logs.set(name, log);
      }
      this.#stores.clear();
      for (const [name, values] of stores) this.#stores.set(name, new Map(values));
    };
  }

  /** The power is gone: what was not synced is lost, or half there. */
  crash(): void {
    for (const log of this.#logs.values()) log.crash(this.random);
  }

  /** One bit of a store is another than what was written, or one value is gone. */
  rot(): void {
    const stores = [...this.#stores.values()].filter(({ size }) => size > 0);
    if (stores.length === 0) return;
    const values = this.random.pick(stores);
    const key = this.random.pick([...values.keys()]);
    const value = Buffer.from(values.get(key)!);
    if (this.random.chance(0.2)) values.delete(key);
    else {
      value[this.random.int(0, value.length - 1)]! ^= 1 << this.random.int(0, 7);
      values.set(key, value);
    }
  }

  /** The disk as one life of a node sees it; `onWrite` is told before each write and throws Crashed to end that life. */
  open(onWrite: () => void): Disk {
    /** A write that is whole or not at all: the crash may come before it or after it. */
    const whole = (write: () => void) => {
      if (this.isFull) throw full();
      const isAfter = this.random.chance(0.5);
      if (isAfter) write();
      onWrite();
      if (!isAfter) write();
    };
    return {
      log: (name) => this.#openLog(name, onWrite),
      keyValues: async (name) => this.#openStore(name, whole),
      rename: (name, to) =>
        whole(() => {
          const store = this.#stores.get(name);
          this.#stores.delete(name);
          if (to !== null && store !== undefined) this.#stores.set(to, store);
        }),
    };
  }

  #openLog(name: string, onWrite: () => void): LogFile {
    const log = this.#logs.get(name) ?? new VirtualLog();
    this.#logs.set(name, log);
    const change = (next: Change) => {
      if (this.isFull && next.bytes !== null) {
        log.changes.push({ ...next, bytes: next.bytes.subarray(0, Math.floor(next.bytes.length / 2)) });
        throw full();
      }
      log.changes.push(next);
      onWrite();
    };
    const check = () => {
      if (this.isFull) throw full();
    };
    return {
      content: log.content,
      write: (parts, at) => change({ at, bytes: Buffer.concat(parts) }),
      truncate: (length) => change({ at: length, bytes: null }),
      sync() {
        check();
        onWrite();
        log.sync();
      },
      close() {},
    };
  }

  #openStore(name: string, whole: (write: () => void) => void): KeyValues {
    const values = this.#stores.get(name) ?? new Map<string, Buffer>();
    this.#stores.set(name, values);
    return {
      get: async (key) => values.get(key),
      getSync: (key) => values.get(key),
      getMany: async (keys) => keys.map((key) => values.get(key)),
      async write(puts) {
        whole(() => {
          for (const [key, value] of puts) values.set(key, Buffer.from(value));
        });
      },
      async *range(from, to, limit = Infinity, isReverse = false) {
        const keys = [...values.keys()].filter((key) => key >= from && key < to).sort();
        if (isReverse) keys.reverse();
        for (const key of keys.slice(0, limit)) yield [key, values.get(key)!] as [string, Buffer];
      },
      async *keys(from, to) {
        yield [...values.keys()].filter((key) => key >= from && key < to).sort();
      },
      close: async () => {},
    };
  }
}

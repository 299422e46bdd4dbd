import type { Disk, KeyValues, LogFile } from '../world.ts';
import type { Random } from './random.ts';

/** Thrown out of every call of a node that has crashed; nothing it does counts any more. */
export class Crashed extends Error {
  override readonly name = 'Crashed';
}

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
  readonly #files = new Map<string, Buffer>();
  readonly #stores = new Map<string, Map<string, Buffer>>();

  constructor(private readonly random: Random) {}

  /** The power is gone: what was not synced is lost, or half there. */
  crash(): void {
    for (const log of this.#logs.values()) log.crash(this.random);
  }

  /** The disk as one life of a node sees it; `onWrite` is told before each write and throws Crashed to end that life. */
  open(onWrite: () => void): Disk {
    /** A write that is whole or not at all: the crash may come before it or after it. */
    const whole = (write: () => void) => {
      const isAfter = this.random.chance(0.5);
      if (isAfter) write();
      onWrite();
      if (!isAfter) write();
    };
    return {
      log: (name) => this.#openLog(name, onWrite),
      read: (name) => this.#files.get(name) ?? null,
      replace: (name, content) => whole(() => void this.#files.set(name, Buffer.from(content))),
      keyValues: async (name) => this.#openStore(name, whole),
    };
  }

  #openLog(name: string, onWrite: () => void): LogFile {
    const log = this.#logs.get(name) ?? new VirtualLog();
    this.#logs.set(name, log);
    const change = (next: Change) => {
      log.changes.push(next);
      onWrite();
    };
    return {
      content: log.content,
      write: (bytes, at) => change({ at, bytes: Buffer.from(bytes) }),
      truncate: (length) => change({ at: length, bytes: null }),
      sync() {
        onWrite();
        log.sync();
      },
      close() {},
    };
  }

  #openStore(name: string, whole: (write: () => void) => void): KeyValues {
    const store = this.#stores.get(name) ?? new Map<string, Buffer>();
    this.#stores.set(name, store);
    return {
      get: async (key) => store.get(key),
      async write(puts) {
        whole(() => {
          for (const [key, value] of puts) store.set(key, Buffer.from(value as string));
        });
      },
      async *range(from, to, limit = Infinity) {
        const keys = [...store.keys()].filter((key) => key >= from && key < to).sort();
        for (const key of keys.slice(0, limit)) yield [key, store.get(key)!] as [string, Buffer];
      },
      close: async () => {},
    };
  }
}

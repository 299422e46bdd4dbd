import type { Sm2 } from '../platform/crypto/index.ts';
import type { Checker } from './mempool/checker.ts';
import type { Frame } from './p2p/frames.ts';
import type { LinkFault } from './p2p/link-fault.ts';
import type { Trust } from './p2p/tls.ts';

/** A call that is due later. */
export interface Timer {
  cancel(): void;
}

/** A file that is written in place and at its end: the write-ahead log. What was not synced may be lost, or torn. */
export interface LogFile {
  /** What was in it when it was opened. */
  readonly content: Buffer;
  /** Writes the parts one after the other from `at` on. */
  write(parts: readonly Uint8Array[], at: number): void;
  truncate(length: number): void;
  sync(): void;
  close(): void;
}

/** Ordered keys and their values: the store of blocks. */
export interface KeyValues {
  get(key: string): Promise<Buffer | undefined>;
  /** Without leaving the thread: for what is mostly not there, which a filter in memory tells. */
  getSync(key: string): Buffer | undefined;
  /** One answer for each key, in order. */
  getMany(keys: readonly string[]): Promise<(Buffer | undefined)[]>;
  /** All or nothing, and durable when it resolves. */
  write(puts: readonly [key: string, value: Buffer][]): Promise<void>;
  /** Keys in [from, to), in order, or from the last. */
  range(from: string, to: string, limit?: number, isReverse?: boolean): AsyncIterable<[key: string, value: Buffer]>;
  /** Keys alone in [from, to), in order, many at a time, as they were when it was asked for the first. */
  keys(from: string, to: string): AsyncIterable<string[]>;
  close(): Promise<void>;
}

export interface Disk {
  log(name: string): LogFile;
  /** Rejects with store-corrupt if what is there cannot be opened. */
  keyValues(name: string): Promise<KeyValues>;
  /** Gives key values that are closed another name, in place of what had it; `to` null: removes them. */
  rename(name: string, to: string | null): void;
}

/** Links to the other members; each peer on one is proven to hold its member's key. */
export interface Links {
  /** Begins to listen and to dial; gives the port. */
  start(): Promise<number>;
  close(): Promise<void>;
  connected(): string[];
  isConnected(memberId: string): boolean;
  broadcast(bytes: Buffer): void;
  /** False if there is no link, or if so much waits for a slow one that this is let fall: the peer will ask again. */
  send(memberId: string, bytes: Buffer): boolean;
  /** Closes the link to a member. */
  drop(memberId: string): void;
}

export interface LinkEvents {
  /** Rejects with LedgerError on a bad frame: the link is closed. */
  onFrame(from: string, kind: Frame, payload: Buffer): Promise<void>;
  onOpen(memberId: string): void;
  /** What a peer sent is no frame at all: the link is closed. */
  onFault(memberId: string, fault: LinkFault): void;
  /** A peer reads so slowly that something for it was let fall. */
  onUnsent(memberId: string): void;
  /** A link came to nothing, as there is no version that both ends speak: what the other, by its certificate only, does. */
  onOtherVersions(memberId: string | undefined, versions: readonly string[]): void;
  /** The key that a member has now, by which it proves itself; undefined: it is none. */
  keyOf(memberId: string): Uint8Array | undefined;
  /** Our own key now. */
  privateKey(): Uint8Array;
  /** Whose certificates are taken now. */
  trust(): Trust;
}

export type Signatures = Pick<Sm2, 'sign' | 'verify' | 'verifyMany' | 'publicKeyOf'>;

/**
 * All that a node has of what is outside it. The system's is in system.ts; the simulator's in sim/, where time, disk and
 * network are its own to bend.
 */
export interface World {
  /** Milliseconds since 1970. */
  now(): number;
  after(ms: number, run: () => void): Timer;
  disk: Disk;
  /** Where what was last signed is kept: beside the key, so that a store that is put back does not take it along. */
  vault: Pick<Disk, 'log'>;
  signatures: Signatures;
  checker: Checker;
  links(events: LinkEvents): Links;
  /** The node cannot go on: its state may be half-stepped, what is on disk is right. */
  fatal(error: unknown): void;
}

import type { Sm2 } from '../platform/crypto/index.ts';
import type { Frame } from './p2p/frames.ts';

/** A call that is due later. */
export interface Timer {
  cancel(): void;
}

/** A file that is written in place and at its end: the write-ahead log. What was not synced may be lost, or torn. */
export interface LogFile {
  /** What was in it when it was opened. */
  readonly content: Buffer;
  write(bytes: Uint8Array, at: number): void;
  truncate(length: number): void;
  sync(): void;
  close(): void;
}

/** Ordered keys and their values: the store of blocks. */
export interface KeyValues {
  get(key: string): Promise<Buffer | undefined>;
  /** All or nothing, and durable when it resolves. */
  write(puts: readonly [key: string, value: Buffer | string][]): Promise<void>;
  /** Keys in [from, to), in order. */
  range(from: string, to: string, limit?: number): AsyncIterable<[key: string, value: Buffer]>;
  close(): Promise<void>;
}

export interface Disk {
  log(name: string): LogFile;
  read(name: string): Buffer | null;
  /** The old content or the new one, whole, whatever happens meanwhile; the new one once it returns. */
  replace(name: string, content: string): void;
  keyValues(name: string): Promise<KeyValues>;
}

/** Links to the other members; each peer on one is proven to hold its member's key. */
export interface Links {
  /** Begins to listen and to dial; gives the port. */
  start(): Promise<number>;
  close(): Promise<void>;
  connected(): string[];
  isConnected(memberId: string): boolean;
  broadcast(bytes: Buffer): void;
  send(memberId: string, bytes: Buffer): void;
}

export interface LinkEvents {
  /** Rejects with LedgerError on a bad frame: the link is closed. */
  onFrame(from: string, kind: Frame, payload: Buffer): Promise<void>;
  onOpen(memberId: string): void;
}

export type Signatures = Pick<Sm2, 'sign' | 'verify' | 'verifyMany'>;

/**
 * All that a node has of what is outside it. The system's is in system.ts; the simulator's in sim/, where time, disk and
 * network are its own to bend.
 */
export interface World {
  /** Milliseconds since 1970. */
  now(): number;
  after(ms: number, run: () => void): Timer;
  disk: Disk;
  signatures: Signatures;
  links(events: LinkEvents): Links;
  /** The node cannot go on: its state may be half-stepped, what is on disk is right. */
  fatal(error: unknown): void;
}

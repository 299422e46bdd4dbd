import { sm3 } from '../../platform/crypto/index.ts';
import { decodeProposal, decodeVote, encodeProposal, encodeVote, type Proposal, type Vote } from '../codec/block.ts';
import type { LogFile } from '../world.ts';

const STEPS = ['propose', 'prevote', 'precommit'] as const;

/** What the core was told at the present height, in order; played again after a restart. */
export type WalEntry =
  | { type: 'start' }
  | { type: 'proposal'; proposal: Proposal; valid: boolean }
  | { type: 'vote'; vote: Vote }
  | { type: 'timeout'; step: (typeof STEPS)[number]; round: number };

const Kind = { proposal: 1, vote: 2, timeout: 3, start: 4 } as const;
/** u32 length ‖ first 4 bytes of SM3(payload) ‖ payload. */
const PREFIX_BYTES = 8;

function encode(entry: WalEntry): Buffer {
  switch (entry.type) {
    case 'start':
      return Buffer.of(Kind.start);
    case 'proposal':
      return Buffer.concat([Uint8Array.of(Kind.proposal, entry.valid ? 1 : 0), encodeProposal(entry.proposal)]);
    case 'vote':
      return Buffer.concat([Uint8Array.of(Kind.vote), encodeVote(entry.vote)]);
    case 'timeout': {
      const bytes = Buffer.from([Kind.timeout, STEPS.indexOf(entry.step), 0, 0, 0, 0]);
      bytes.writeUInt32BE(entry.round, 2);
      return bytes;
    }
  }
}

function decodeEntry(bytes: Buffer): WalEntry {
  if (bytes[0] === Kind.proposal)
    return { type: 'proposal', valid: bytes[1] === 1, proposal: decodeProposal(bytes.subarray(2)) };
  if (bytes[0] === Kind.start) return { type: 'start' };
  if (bytes[0] === Kind.vote) return { type: 'vote', vote: decodeVote(bytes.subarray(1)) };
  return { type: 'timeout', step: STEPS[bytes[1]!]!, round: bytes.readUInt32BE(2) };
}

/**
 * The write-ahead log of one height. `sync` is called before an own signature leaves, so that whatever this member
 * said can be derived again. A torn tail (the last write of a killed process) is cut off when it is opened.
 */
export class Wal {
  #at = 0;
  /** What was in it when it was opened. */
  readonly entries: WalEntry[] = [];

  constructor(private readonly file: LogFile) {
    const bytes = file.content;
    while (bytes.length - this.#at >= PREFIX_BYTES) {
      const end = this.#at + PREFIX_BYTES + bytes.readUInt32BE(this.#at);
      if (end > bytes.length) break;
      const payload = bytes.subarray(this.#at + PREFIX_BYTES, end);
      if (
        !sm3(payload)
          .subarray(0, 4)
          .equals(bytes.subarray(this.#at + 4, this.#at + PREFIX_BYTES))
      )
        break;
      this.entries.push(decodeEntry(Buffer.from(payload)));
      this.#at = end;
    }
    file.truncate(this.#at);
  }

  append(entry: WalEntry): void {
    const payload = encode(entry);
    const prefix = Buffer.alloc(4);
    prefix.writeUInt32BE(payload.length);
    const bytes = Buffer.concat([prefix, sm3(payload).subarray(0, 4), payload]);
    this.file.write(bytes, this.#at);
    this.#at += bytes.length;
  }

  sync(): void {
    this.file.sync();
  }

  /** Begins the next height. */
  clear(): void {
    this.file.truncate(0);
    this.#at = 0;
  }

  close(): void {
    this.file.close();
  }
}

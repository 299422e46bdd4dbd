import { crc32 } from 'node:zlib';
import { readTxs } from '../codec/block.ts';
import { decode, Writer } from '../codec/bytes.ts';
import { type Proposal, readProposal, writeProposal } from '../codec/proposal.ts';
import { decodeVote, encodeVote, type Vote } from '../codec/vote.ts';
import type { LogFile } from '../world.ts';

const STEPS = ['propose', 'prevote', 'precommit'] as const;

/** What the core was told at the present height, in order; played again after a restart. */
export type WalEntry =
  | { type: 'start' }
  /** With the transactions it names if it is valid: whoever is locked on a block must be able to give it to the others. */
  | { type: 'proposal'; proposal: Proposal; valid: boolean; txs: Buffer[] }
  | { type: 'vote'; vote: Vote }
  | { type: 'timeout'; step: (typeof STEPS)[number]; round: number };

const Kind = { proposal: 1, vote: 2, timeout: 3, start: 4 } as const;
const HEIGHT_BYTES = 8;
const PREFIX_BYTES = 8;
/** More than this is written before it is asked for. */
const MAX_HELD_BYTES = 1024 * 1024;

/** An entry's bytes in parts: the transactions of a proposal are not copied. */
function encode(entry: WalEntry): Buffer[] {
  switch (entry.type) {
    case 'start':
      return [Buffer.of(Kind.start)];
    case 'proposal': {
      const writer = new Writer().u8(Kind.proposal).u8(entry.valid ? 1 : 0);
      writeProposal(writer, entry.proposal);
      const txs = entry.txs.flatMap((tx) => [new Writer(4).u32(tx.length).done(), tx]);
      return [writer.u32(entry.txs.length).done(), ...txs];
    }
    case 'vote':
      return [Buffer.of(Kind.vote), encodeVote(entry.vote)];
    case 'timeout':
      return [new Writer().u8(Kind.timeout).u8(STEPS.indexOf(entry.step)).u32(entry.round).done()];
  }
}

function decodeEntry(bytes: Buffer): WalEntry {
  if (bytes[0] === Kind.start) return { type: 'start' };
  if (bytes[0] === Kind.vote) return { type: 'vote', vote: decodeVote(bytes.subarray(1)) };
  if (bytes[0] === Kind.timeout) return { type: 'timeout', step: STEPS[bytes[1]!]!, round: bytes.readUInt32BE(2) };
  return decode(bytes.subarray(1), (reader) => ({
    type: 'proposal',
    valid: reader.flag(),
    proposal: readProposal(reader),
    txs: readTxs(reader),
  }));
}

/**
 * The write-ahead log of one height. `sync` is called before a precommit leaves, so that what this member is locked on,
 * and the block itself, outlive a crash; what it signed is kept apart (signer.ts). Entries are held and written together.
 *
 *     file    u64 height ‖ entries
 *     entry   u32 length ‖ u32 check ‖ payload      check: CRC-32 of u64 height ‖ u32 number ‖ payload
 *
 * The next height begins at the start again, over what was there: the file keeps its blocks on the disk, and a sync has
 * only data to write. What is left behind the last entry, of an older height or torn by a crash, fails its check.
 */
export class Wal {
  #height: number;
  /** Where the next write goes, and the number of the next entry. */
  #at = HEIGHT_BYTES;
  #number = 0;
  #held: Buffer[] = [];
  #heldBytes = 0;
  /** What was in it when it was opened, of this height. */
  readonly entries: WalEntry[] = [];

  constructor(
    private readonly file: LogFile,
    height: number,
  ) {
    this.#height = height;
    const bytes = file.content;
    if (bytes.length < HEIGHT_BYTES || !bytes.subarray(0, HEIGHT_BYTES).equals(new Writer().u64(height).done())) {
      this.begin(height);
      return;
    }
    while (bytes.length - this.#at >= PREFIX_BYTES) {
      const end = this.#at + PREFIX_BYTES + bytes.readUInt32BE(this.#at);
      if (end > bytes.length) break;
      const payload = bytes.subarray(this.#at + PREFIX_BYTES, end);
      if (this.#check([payload]) !== bytes.readUInt32BE(this.#at + 4)) break;
      this.entries.push(decodeEntry(Buffer.from(payload)));
      this.#at = end;
      this.#number += 1;
    }
  }

  #check(parts: readonly Buffer[]): number {
    const place = new Writer(12).u64(this.#height).u32(this.#number).done();
    return parts.reduce((check, part) => crc32(part, check), crc32(place));
  }

  /** Entries of this height. */
  get count(): number {
    return this.#number;
  }

  append(entry: WalEntry): void {
    const parts = encode(entry);
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    this.#hold(new Writer(PREFIX_BYTES).u32(length).u32(this.#check(parts)).done());
    for (const part of parts) this.#hold(part);
    this.#number += 1;
    if (this.#heldBytes > MAX_HELD_BYTES) this.#write();
  }

  #hold(bytes: Buffer): void {
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
  }

  #write(): void {
    if (this.#heldBytes === 0) return;
    this.file.write(this.#held, this.#at);
    this.#at += this.#heldBytes;
    this.#held = [];
    this.#heldBytes = 0;
  }

  sync(): void {
    this.#write();
    this.file.sync();
  }

  /** Begins the next height. */
  begin(height: number): void {
    this.#height = height;
    this.#number = 0;
    this.#held = [];
    this.#heldBytes = 0;
    this.#at = 0;
    this.#hold(new Writer().u64(height).done());
  }

  close(): void {
    this.#write();
    this.file.close();
  }
}

import { MAX_SNAPSHOT_PARTS, SNAPSHOT_PART_BYTES, type SnapshotPart, type SnapshotWanted } from '../p2p/frames.ts';
import type { Ledger } from '../state/ledger.ts';
import { encodeSnapshot, takeSnapshot } from './snapshot.ts';

/** One that is given in several parts is kept so long, for all who ask; who is slower begins again with a later one. */
const KEPT_MS = 10 * 60_000;

interface Given {
  height: number;
  /** null: it is larger than may be sent. */
  bytes: Buffer | null;
}

/** Gives the state at the head in parts, all of one snapshot: however many ask, one is kept at most. */
export class SnapshotGiver {
  #kept: Promise<Given> | null = null;

  constructor(
    private readonly ledger: Ledger,
    private readonly after: (ms: number, run: () => void) => void,
  ) {}

  /** The part that is wanted; the first of another if that one is here no more. */
  async part({ height, part }: SnapshotWanted): Promise<SnapshotPart> {
    const given = await (this.#kept ??= this.#take());
    const { bytes } = given;
    if (bytes === null) return { height: given.height, parts: 0, part: 0, bytes: Buffer.alloc(0) };
    const parts = Math.ceil(bytes.length / SNAPSHOT_PART_BYTES);
    const at = height === given.height && part < parts ? part : 0;
    const from = at * SNAPSHOT_PART_BYTES;
    return { height: given.height, parts, part: at, bytes: bytes.subarray(from, from + SNAPSHOT_PART_BYTES) };
  }

  async #take(): Promise<Given> {
    const forget = () => void (this.#kept = null);
    try {
      const { height } = this.ledger;
      const snapshot = await takeSnapshot(this.ledger);
      const bytes = snapshot === null ? null : encodeSnapshot(snapshot);
      // One part is made anew for each who asks: it costs little, and is of the present head.
      if (bytes !== null && bytes.length <= SNAPSHOT_PART_BYTES) forget();
      else this.after(KEPT_MS, forget);
      const isTooLarge = bytes === null || bytes.length > MAX_SNAPSHOT_PARTS * SNAPSHOT_PART_BYTES;
      return { height, bytes: isTooLarge ? null : bytes };
    } catch (error) {
      forget();
      throw error;
    }
  }
}

/** A snapshot as it comes from one peer, part by part. Holds no more than a snapshot may have. */
export class SnapshotTaker {
  #height = 0;
  #parts = 0;
  #taken: Buffer[] = [];

  constructor(readonly from: string) {}

  /** What to ask for next. */
  get wanted(): SnapshotWanted {
    return { height: this.#height, part: this.#taken.length };
  }

  /** How many parts are here, of how many; 0 of 0 before the first. */
  get progress(): { taken: number; parts: number } {
    return { taken: this.#taken.length, parts: this.#parts };
  }

  /** Whether this part brought it further; the first of another snapshot takes the place of what was here, and did not. */
  add({ height, parts, part, bytes }: SnapshotPart): boolean {
    const isFirst = this.#taken.length === 0;
    const isOfThis = !isFirst && height === this.#height && parts === this.#parts;
    if (part === 0 && !isOfThis) {
      this.#height = height;
      this.#parts = parts;
      this.#taken = [bytes];
      return isFirst;
    }
    if (!isOfThis || part !== this.#taken.length) return false;
    this.#taken.push(bytes);
    return true;
  }

  /** All of it, or null. */
  get whole(): Buffer | null {
    return this.#taken.length > 0 && this.#taken.length === this.#parts ? Buffer.concat(this.#taken) : null;
  }
}

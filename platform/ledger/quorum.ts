import { z } from 'zod';
import { SealfolioError } from '../../domain/errors.ts';

/** A ledger node that is asked, by the member that runs it. */
export interface Witness {
  memberId: string;
  rpcUrl: string;
}

/** What one node answered; `differs` says other records than a quorum does. */
export interface WitnessAnswer {
  memberId: string;
  state: 'agrees' | 'differs' | 'behind' | 'silent';
  height?: number;
}

export interface AgreedRecord {
  index: number;
  height: number;
  txId: string;
  indexInTx: number;
  sender: string;
  record: { stream: string; key: string; digest: string; note: string };
}

/** What f + 1 nodes say alike: one of them at least is honest (Tendermint, arXiv:1807.04938: of n ≥ 3f + 1, f may lie). */
export interface Agreement {
  nodes: WitnessAnswer[];
  needed: number;
  records: AgreedRecord[];
}

const PAGE = 100;
const WITHIN_MS = 10_000;
const status = z.object({
  chainId: z.string(),
  genesisHash: z.string(),
  height: z.number(),
  logSize: z.number(),
  validators: z.array(z.string()),
});
const agreedRecord = z.object({
  index: z.number(),
  height: z.number(),
  txId: z.string(),
  indexInTx: z.number(),
  sender: z.string(),
  record: z.object({ stream: z.string(), key: z.string(), digest: z.string(), note: z.string() }),
});

/** Nodes of several members, asked the same: what one node leaves out or makes up is seen. */
export class Quorum {
  constructor(
    private readonly witnesses: readonly Witness[],
    private readonly chain: { chainId: string; genesisHash: string },
  ) {}

  /**
   * All records of a stream under a key that a member sent, as f + 1 nodes have them. Throws quorum-missing {answered, needed} if
   * fewer say the same.
   */
  async records(stream: string, key: string, sender: string): Promise<Agreement> {
    const seen = await Promise.all(this.witnesses.map((witness) => this.#status(witness)));
    const answered = seen.filter((one) => one !== null);
    const validators = Math.max(0, ...answered.map((one) => one.validators.length));
    const needed = Math.floor((validators - 1) / 3) + 1;
    const missing = { answered: answered.length, needed };
    if (answered.length < needed || validators < 1) throw new SealfolioError('quorum-missing', missing);
    // As much of the log as f + 1 of them have.
    const size = answered.map(({ logSize }) => logSize).sort((a, b) => b - a)[needed - 1]!;
    const lists = await Promise.all(
      this.witnesses.map(async (witness, i) => {
        const known = seen[i];
        if (known === null || known === undefined || known.logSize < size) return null;
        return this.#records(witness, { stream, key, size }).catch(() => null);
      }),
    );
    const texts = lists.map((list) => (list === null ? null : JSON.stringify(list)));
    const winner = texts.find((text) => text !== null && texts.filter((other) => other === text).length >= needed);
    if (winner === undefined) throw new SealfolioError('quorum-missing', missing);
    const nodes = this.witnesses.map(({ memberId }, i): WitnessAnswer => {
      const known = seen[i];
      if (known === null || known === undefined) return { memberId, state: 'silent' };
      const { height } = known;
      if (texts[i] === winner) return { memberId, state: 'agrees', height };
      const isBehind = known.logSize < size;
      return { memberId, state: isBehind ? 'behind' : lists[i] === null ? 'silent' : 'differs', height };
    });
    return { nodes, needed, records: lists[texts.indexOf(winner)]!.filter((record) => record.sender === sender) };
  }

  async #status(witness: Witness): Promise<z.infer<typeof status> | null> {
    try {
      const answer = status.parse(await get(witness, '/v1/status'));
      const { chainId, genesisHash } = this.chain;
      return answer.chainId === chainId && answer.genesisHash === genesisHash ? answer : null;
    } catch {
      return null;
    }
  }

  async #records(
    witness: Witness,
    { stream, key, size }: { stream: string; key: string; size: number },
  ): Promise<AgreedRecord[]> {
    const all: AgreedRecord[] = [];
    for (let from = 0; from < size;) {
      const page = z
        .array(agreedRecord)
        .parse(await get(witness, `/v1/records?stream=${stream}&key=${key}&from=${from}&limit=${PAGE}`));
      all.push(...page.filter(({ index }) => index < size));
      if (page.length < PAGE) break;
      from = page.at(-1)!.index + 1;
    }
    return all;
  }
}

async function get({ rpcUrl }: Witness, path: string): Promise<unknown> {
  const response = await fetch(new URL(path, rpcUrl), { signal: AbortSignal.timeout(WITHIN_MS) });
  if (!response.ok) throw new SealfolioError('ledger-unavailable', { status: response.status });
  return response.json();
}

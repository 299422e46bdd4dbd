import type { Header } from '../codec/block.ts';
import { membersHash } from '../codec/member.ts';
import { TxType } from '../codec/transaction.ts';
import { LedgerError } from '../errors.ts';
import type { Genesis } from '../genesis.ts';
import { examine } from '../mempool/examine.ts';
import { applyGovernanceTx, endBlock, type Governance, initialGovernance, stateHash } from '../state/governance.ts';
import { Frontier } from '../state/merkle.ts';
import { simSignatures } from './signatures.ts';

interface Block {
  header: Header;
  txIds: readonly string[];
}

/**
 * What the decided blocks make of the log and of the members' decisions, worked out once a height from the transactions
 * as they were sent: not from what a node says of them, nor from its store.
 */
export class Reckoning {
  readonly #txs = new Map<string, Buffer>();
  readonly #log = new Frontier();
  #governance: Governance;
  #height = 0;
  /** Blocks that were decided by somebody before one that comes first: an observer begins above. */
  readonly #ahead = new Map<number, Block>();

  constructor(private readonly genesis: Genesis) {
    this.#governance = initialGovernance(genesis.members, genesis.policy);
  }

  sent(txId: string, encoded: Buffer): void {
    this.#txs.set(txId, encoded);
  }

  /** A height that was decided for the first time; what is wrong with its header, or one that waited for it, or null. */
  decided(header: Header, txIds: readonly string[]): string | null {
    this.#ahead.set(header.height, { header, txIds });
    for (let next = this.#ahead.get(this.#height + 1); next !== undefined; next = this.#ahead.get(this.#height + 1)) {
      this.#ahead.delete(next.header.height);
      const wrong = this.#step(next);
      if (wrong !== null) return `height ${next.header.height}: ${wrong}`;
    }
    return null;
  }

  #step({ header, txIds }: Block): string | null {
    const { height } = header;
    const before = this.#governance;
    let after = before;
    try {
      for (const txId of txIds) {
        const { tx, examined } = examine(this.#txs.get(txId)!);
        this.#log.append(examined.leaves);
        if (tx.type !== TxType.attest)
          after = applyGovernanceTx(after, tx, { chainId: this.genesis.chainId, height }, simSignatures.verify);
      }
    } catch (error) {
      if (!(error instanceof LedgerError)) throw error;
      return error.message;
    }
    after = endBlock(after, height);
    this.#governance = after;
    this.#height = height;
    if (header.logSize !== this.#log.size) return 'size of the log';
    if (!header.logRoot.equals(this.#log.root())) return 'root of the log';
    if (!header.stateHash.equals(stateHash(after))) return 'hash of the state';
    if (!header.membersHash.equals(membersHash(before.members))) return 'members';
    if (!header.nextMembersHash.equals(membersHash(after.members))) return 'members of the next height';
    return null;
  }
}

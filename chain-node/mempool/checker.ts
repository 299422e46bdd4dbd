import type { Sm2 } from '../../platform/crypto/index.ts';
import type { Member } from '../codec/member.ts';
import { messageIn } from '../codec/transaction.ts';
import { LedgerError } from '../errors.ts';
import { type Examined, examine } from './examine.ts';

/** A transaction that was read and found good by itself; its place in the ledger is another matter. */
export interface CheckedTx extends Examined {
  /** `txId` in hex. */
  id: string;
  encoded: Buffer;
  /** The sender's key that signed it; null: a commit vouches for it, and the signature was not looked at. */
  senderKey: Buffer | null;
}

/**
 * Who vouches for the transactions: their senders, whose signatures are checked; or the certificate of the block that they
 * are in, as a quorum checked them before it signed.
 */
export type Voucher = 'sender' | 'commit';

export interface Checker {
  /** One answer for each, in order: the checked transaction, or what is wrong with it. */
  check(list: readonly Buffer[], context: CheckContext, voucher: Voucher): Promise<(CheckedTx | LedgerError)[]>;
  close(): Promise<void>;
}

export interface CheckContext {
  chainId: string;
  members: readonly Member[];
}

export interface Readable {
  examined: Examined;
  message: Buffer;
  signature: Buffer;
  publicKey: Buffer;
}
export type Outcome = Readable | LedgerError;

/** Whether it was not refused. */
export const isFine = <T>(one: T | LedgerError): one is T => !(one instanceof LedgerError);

/** Everything about a transaction but its signature. */
export function examineFor({ chainId, members }: CheckContext, encoded: Buffer, voucher: Voucher): Outcome {
  try {
    const { examined, tx } = examine(encoded);
    if (tx.chainId !== chainId) return new LedgerError('chain-mismatch', 'transaction of another chain');
    const sender = members.find(({ memberId }) => memberId === tx.sender);
    if (sender === undefined && voucher === 'sender') return new LedgerError('sender-unknown', 'sender is no member');
    const publicKey = sender?.publicKey ?? Buffer.alloc(0);
    const message = voucher === 'sender' ? messageIn(encoded) : encoded;
    return { examined, message, signature: tx.signature, publicKey };
  } catch (error) {
    if (error instanceof LedgerError) return error;
    throw error;
  }
}

export const checkedOf = (examined: Examined, encoded: Buffer, senderKey: Buffer | null): CheckedTx => ({
  ...examined,
  id: examined.txId.toString('hex'),
  encoded,
  senderKey,
});

export const wrongSignature = () => new LedgerError('signature-invalid', 'signature of the transaction');

/** Checks on the calling thread: the simulator's way, and that of tools. */
export const inlineChecker = ({ verifyMany }: Pick<Sm2, 'verifyMany'>): Checker => ({
  async check(list, context, voucher) {
    const outcomes = list.map((encoded) => examineFor(context, encoded, voucher));
    const fine = outcomes.filter(isFine);
    const answers = voucher === 'sender' ? await verifyMany(fine) : fine.map(() => true);
    return outcomes.map((outcome, i) => {
      if (outcome instanceof LedgerError) return outcome;
      if (!answers.shift()!) return wrongSignature();
      return checkedOf(outcome.examined, list[i]!, voucher === 'sender' ? outcome.publicKey : null);
    });
  },
  close: async () => {},
});

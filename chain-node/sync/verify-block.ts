import { txRootOf } from '../codec/block.ts';
import type { Member } from '../codec/member.ts';
import { LedgerError } from '../errors.ts';
import type { CheckedTx, Checker } from '../mempool/checker.ts';
import type { FinalBlock } from '../p2p/frames.ts';
import type { Ledger, Prepared } from '../state/ledger.ts';

/** What is checked of a final block before its turn has come, while the blocks before it are written. */
export interface CheckedAhead {
  /** Whose signatures were looked for. */
  members: readonly Member[];
  /** What is wrong with the certificate, or null. */
  fault: Promise<unknown>;
  txs: Promise<(CheckedTx | LedgerError)[]>;
}

/** What is wrong with a block's certificate, or null. */
const faultOf = ({ header, commit }: FinalBlock, ledger: Ledger): Promise<unknown> =>
  ledger.checkCommit(header, commit).then(
    () => null,
    (error: unknown) => error,
  );

/** Begins the checks that stand on the block's bytes, and on who signs now. */
export function checkAhead(ledger: Ledger, checker: Checker, block: FinalBlock): CheckedAhead {
  const { genesis, members } = ledger;
  const txs = checker.check(block.txs, { chainId: genesis.chainId, members }, 'commit');
  // The node may close before its turn comes.
  txs.catch(() => {});
  return { members, fault: faultOf(block, ledger), txs };
}

/**
 * Checks a final block that somebody gives us, and makes it ready to follow the head: its certificate, and every root.
 * The transactions' own signatures were checked by the quorum that signed the block. Throws LedgerError.
 */
export async function verifyBlock(ledger: Ledger, block: FinalBlock, ahead: CheckedAhead): Promise<Prepared> {
  const fault = ahead.members === ledger.members ? await ahead.fault : await faultOf(block, ledger);
  if (fault !== null) throw fault;
  const txs = (await ahead.txs).map((one) => {
    if (one instanceof LedgerError) throw one;
    return one;
  });
  const { header } = block;
  if (!header.txRoot.equals(txRootOf(txs.map(({ hash }) => hash))))
    throw new LedgerError('block-invalid', 'root of the transactions');
  return ledger.check(header, txs, () => false, null);
}

import { sm2 } from '../../platform/crypto/index.ts';
import type { LedgerRecord } from '../codec/record.ts';
import { encodeTransaction, signAttestation, txIdOf } from '../codec/transaction.ts';
import type { LedgerNode } from '../node.ts';
import type { Trust } from '../p2p/tls.ts';
import type { Governance } from '../state/governance.ts';
import type { FoundRecord } from '../state/reader.ts';
import type { PolicyState } from './policy-state.ts';
import type { LedgerPlace } from './settlement/book.ts';

/** What the overlay has of the ledger. */
export interface Chain {
  readonly chainId: string;
  readonly memberId: string;
  readonly policy: PolicyState;
  governance(): Governance;
  /** How old what we know of it is, in milliseconds; Infinity: nobody has told us yet. */
  ageMs(): number;
  /** Whose certificates are taken now. */
  trust(): Trust;
  /** Our key now. */
  privateKey(): Uint8Array;
  /** Calls back after each change of the governance, and after each block. */
  onGovernance(run: () => void): void;
  onBlock(run: () => void): void;
  /** Sends an attestation, as often as need be; gives its place once it is final. Rejects with LedgerError. */
  attest(record: LedgerRecord, nonce: Buffer): Promise<LedgerPlace | null>;
  /** Final records under a key. */
  records(stream: string, key: Buffer): Promise<FoundRecord[]>;
}

const MAX_FOUND = 16;

/** The ledger as its node gives it. `privateKeys`: our present key, and one that we may rotate to. */
export function chainOf(node: LedgerNode, privateKeys: readonly Uint8Array[]): Chain {
  const { memberId, genesis } = node.options;
  const keys = privateKeys.map((privateKey) => ({ privateKey, publicKey: sm2.publicKeyOf(privateKey) }));
  const privateKey = () => {
    const present = node.ledger.publicKeyOf(memberId);
    return (keys.find(({ publicKey }) => present?.equals(publicKey)) ?? keys[0]!).privateKey;
  };
  return {
    chainId: genesis.chainId,
    memberId,
    policy: node.policy,
    governance: () => node.ledger.governance,
    ageMs: () => node.freshness.ageMs,
    trust: () => node.trust(),
    privateKey,
    onGovernance: (run) => void node.on('governance', run),
    onBlock: (run) => void node.on('block', run),
    async attest(record, nonce) {
      const tx = signAttestation(
        { chainId: genesis.chainId, sender: memberId, nonce, records: [record] },
        privateKey(),
      );
      const txId = txIdOf(tx).toString('hex');
      const known = await node.ledger.store.place(txId);
      if (known === null) await node.submit(encodeTransaction(tx));
      return known === null ? null : { txId, height: known.height, index: known.index };
    },
    records: (stream, key) => node.reader.byKey(stream, key, 0, MAX_FOUND),
  };
}

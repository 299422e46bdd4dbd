import { changeIdOf, encodeChange, txTypeOf } from '../../../../chain-node/codec/change.ts';
import { encodeTransaction, signTransaction, txIdOf } from '../../../../chain-node/codec/transaction.ts';
import { sm2, sm3 } from '../../../../platform/crypto/index.ts';
import { checkTransaction } from '../../../../web/explorer/check/transaction.ts';
import { verdictOf } from '../../../../web/explorer/check/step.ts';
import type { Change, Member, Transaction } from '../../../../web/explorer/client/types.ts';

const crypto = { sm3, sm2Verify: sm2.verify };
const { privateKey, publicKey } = sm2.generateKeyPair();
const members = [
  { memberId: 'yz1', name: '成员', publicKey: publicKey.toString('hex'), role: 'validator' },
] as unknown as Member[];

/** A change of the rules as a node shows it; with other fields than are signed. */
function shown(other: Partial<{ version: number; height: number }> = {}): Transaction {
  const change = { type: 'rules' as const, height: 500, version: 2 };
  const [type, body] = [txTypeOf(change), encodeChange(change)];
  const tx = signTransaction({ chainId: 'test', sender: 'yz1', nonce: Buffer.alloc(16, 1), type, body }, privateKey);
  const id = changeIdOf(type, body).toString('hex');
  return {
    txId: txIdOf(tx).toString('hex'),
    sender: 'yz1',
    nonce: tx.nonce.toString('hex'),
    type: 'rules',
    change: { id, ...change, ...other } satisfies Change,
    records: [],
    tx: encodeTransaction(tx).toString('base64'),
  } as unknown as Transaction;
}

test('a switch of the rules is what is shown of it', () => {
  expect(verdictOf(checkTransaction(shown(), members, crypto))).toBe('valid');
});

test.each([{ version: 3 }, { height: 501 }])('shown otherwise than it was signed it is not: %j', (other) => {
  expect(verdictOf(checkTransaction(shown(other), members, crypto))).toBe('invalid');
});

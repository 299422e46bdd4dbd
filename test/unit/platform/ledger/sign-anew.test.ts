import { randomBytes } from 'node:crypto';
import { decodeTransaction, signingMessage, txIdOf } from '../../../../chain-node/codec/transaction.ts';
import { sm2, sm3 } from '../../../../platform/crypto/index.ts';
import { makeTransaction, signAnew } from '../../../../platform/ledger/client.ts';

const [before, after] = [sm2.generateKeyPair(), sm2.generateKeyPair()];
const records = [{ stream: 'archive', key: randomBytes(32), digest: sm3(Buffer.from('x')), note: Buffer.from('n') }];
const request = { chainId: 'test', sender: 'yz1', nonce: randomBytes(16), records };
const made = makeTransaction(request, before.privateKey);

test('only the signature changes: the ledger knows it by the same id, sender and nonce', () => {
  const anew = signAnew(made.encoded, after.privateKey)!;
  const { signature, ...unsigned } = decodeTransaction(anew);
  expect({ ...decodeTransaction(made.encoded), signature }).toEqual({ ...unsigned, signature });
  expect(txIdOf(unsigned).toString('hex')).toBe(made.txId);
  expect(sm2.verify(after.publicKey, signingMessage(unsigned), signature)).toBe(true);
  expect(sm2.verify(before.publicKey, signingMessage(unsigned), signature)).toBe(false);
});

test('what this key signed is not signed again', () => {
  expect(signAnew(made.encoded, before.privateKey)).toBeNull();
});

import path from 'node:path';
import { encodeTransaction, signAttestation, type Transaction } from '../../../chain-node/codec/transaction.ts';
import { inlineChecker, isFine } from '../../../chain-node/mempool/checker.ts';
import { workerChecker } from '../../../chain-node/mempool/worker-checker.ts';
import { sm2, sm3 } from '../../../platform/crypto/index.ts';

const SCRIPT = path.resolve('dist/checker.cjs');
const keys = sm2.generateKeyPair();
const other = sm2.generateKeyPair();
const context = {
  chainId: 'test',
  members: [{ memberId: 'yz1', name: '成员', publicKey: keys.publicKey, role: 'validator' as const }],
};

function transaction(i: number, records: number, { key = keys, sender = 'yz1', chainId = 'test' } = {}): Transaction {
  const list = Array.from({ length: records }, (_, n) => ({
    stream: 'archive',
    key: sm3(Buffer.from(`${n}`)),
    digest: sm3(Buffer.from(`${i}/${n}`)),
    note: Buffer.alloc(n % 40, n),
  }));
  return signAttestation(
    { chainId, sender, nonce: sm3(Buffer.from([i])).subarray(0, 16), records: list },
    key.privateKey,
  );
}

/** Order of the curve (GB/T 32918.5 §A.2). */
const ORDER = BigInt('0xfffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123');
const scalar = (n: bigint) => Buffer.from((((n % ORDER) + ORDER) % ORDER).toString(16).padStart(64, '0'), 'hex');

/** s·G and (r + s)·P, by tables a sum of few points, are the same point, or each other's opposite. */
const meeting = (encoded: Buffer, sign: 1n | -1n) => {
  const d = BigInt(`0x${keys.privateKey.toString('hex')}`);
  const s = BigInt(`0x${scalar(sign * 5n * d).toString('hex')}`);
  return Buffer.concat([encoded.subarray(0, -64), scalar(5n - s), scalar(s)]);
};

const good = encodeTransaction(transaction(1, 1));
const cases: [string, Buffer][] = [
  ['one record', good],
  ['256 records', encodeTransaction(transaction(2, 256))],
  ['another key', encodeTransaction(transaction(3, 2, { key: other }))],
  ['no member', encodeTransaction(transaction(4, 2, { sender: 'nobody' }))],
  ['another chain', encodeTransaction(transaction(5, 2, { chainId: 'other' }))],
  ['a changed bit of the body', Buffer.from(good.map((byte, i) => (i === 60 ? byte ^ 1 : byte)))],
  ['a changed bit of the signature', Buffer.from(good.map((byte, i) => (i === good.length - 1 ? byte ^ 1 : byte)))],
  ['a signature of zeros', Buffer.concat([good.subarray(0, -64), Buffer.alloc(64)])],
  ['a signature of ones', Buffer.concat([good.subarray(0, -64), Buffer.alloc(64, 0xff)])],
  ['sums that meet', meeting(good, 1n)],
  ['sums that cancel out', meeting(good, -1n)],
  ['cut short', good.subarray(0, 40)],
  ['nothing', Buffer.alloc(0)],
];

/** What the thread says of all cases, by senders' signatures and by a commit; asked again, by when it knows the key well, it says the same. */
async function said(library: string | undefined) {
  const checker = workerChecker(SCRIPT, {
    PATH: process.env.PATH,
    ...(library !== undefined && { SEALFOLIO_ACCELERATOR: library }),
  });
  const list = cases.map(([, encoded]) => encoded);
  try {
    const answers = [await checker.check(list, context, 'sender'), await checker.check(list, context, 'commit')];
    for (let i = 0; i < 2; i += 1)
      expect(plain([await checker.check(list, context, 'sender')])).toEqual(plain(answers.slice(0, 1)));
    return answers;
  } finally {
    await checker.close();
  }
}

const here = async () => {
  const checker = inlineChecker(sm2);
  const list = cases.map(([, encoded]) => encoded);
  return [await checker.check(list, context, 'sender'), await checker.check(list, context, 'commit')];
};

/** Errors as their words; buffers as hex. */
const plain = (answers: Awaited<ReturnType<typeof here>>) =>
  answers.map((list) =>
    list.map((one) =>
      isFine(one)
        ? [one.id, one.sender, one.count, one.hash.toString('hex'), one.leaves.toString('hex'), [...one.marks]]
        : [one.code, one.reason],
    ),
  );

test('checks on this thread: good ones pass, each bad one is refused by its code', async () => {
  const [bySender, byCommit] = await here();
  const codes = (list: typeof bySender) => list!.map((one) => (isFine(one) ? 'good' : one.code));
  const wrong = 'signature-invalid';
  expect(codes(bySender)).toEqual([
    'good',
    'good',
    wrong,
    'sender-unknown',
    'chain-mismatch',
    wrong,
    wrong,
    wrong,
    wrong,
    wrong,
    wrong,
    'encoding-invalid',
    'encoding-invalid',
  ]);
  expect(codes(byCommit).filter((code) => code === 'good')).toHaveLength(10);
});

test('the checking thread says the same', async () => {
  expect(plain(await said(undefined))).toEqual(plain(await here()));
});

const accelerator = process.env.TEST_ACCELERATOR;
(accelerator === undefined ? test.skip : test)('and the same with the accelerator', async () => {
  expect(plain(await said(accelerator))).toEqual(plain(await here()));
});

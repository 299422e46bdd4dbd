import fc from 'fast-check';
import { changeIdOf, encodeChange, txTypeOf } from '../../../chain-node/codec/change.ts';
import { encodeTransaction, signAttestation, txIdOf } from '../../../chain-node/codec/transaction.ts';
import { checkpointMessage } from '../../../chain-node/codec/checkpoint.ts';
import { encodeCommit, voteMessage } from '../../../chain-node/codec/vote.ts';
import { equivocationOf } from '../../../chain-node/consensus/witness.ts';
import { parseGenesis } from '../../../chain-node/genesis.ts';
import { memberJson } from '../../../chain-node/state/json.ts';
import { leafHash, merkleRoot as writersRoot } from '../../../chain-node/state/merkle.ts';
import { sm2, sm3 } from '../../../platform/crypto/index.ts';
import {
  checkEquivocation,
  blockHash,
  checkSignatures,
  checkSplitView,
  decodeCommit,
  type SignedCheckpoint,
  genesisHash,
  merkleRoot,
  parseLedgerReceipt,
  readTransaction,
  ShapeError,
  txLeafHash,
  verifyRecord,
} from '../../../verifier/index.ts';
import { checkCheckpoint } from '../../../web/explorer/check/checkpoint.ts';
import { verdictOf } from '../../../web/explorer/check/step.ts';
import { checkTransaction } from '../../../web/explorer/check/transaction.ts';
import type { Block, Transaction } from '../../../web/explorer/client/types.ts';
import { makeReceipt } from '../../fixtures/receipt.ts';

const crypto = { sm3, sm2Verify: sm2.verify.bind(sm2) };
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const keys = sm2.generateKeyPair();
const record = { stream: 'archive', key: Buffer.from('k'), digest: sm3(Buffer.from('d')), note: Buffer.from('n') };
const made = signAttestation(
  { chainId: 'test', sender: 'yz1', nonce: Buffer.alloc(16, 7), records: [record, record] },
  keys.privateKey,
);
const encoded = encodeTransaction(made);

test('a root is that of the node’s own tree, for any number of leaves', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { maxLength: 40 }), (leaves) => {
      expect(hex(merkleRoot(leaves, sm3))).toBe(hex(writersRoot(leaves.map((leaf) => Buffer.from(leaf)))));
    }),
  );
});

test('a genesis is hashed as the members hash it', () => {
  const genesis = parseGenesis({
    chainId: 'test',
    time: '2026-11-24T00:00:00Z',
    members: [{ memberId: 'yz1', name: '成员', publicKey: hex(keys.publicKey), role: 'validator' }],
    policy: { b: 1, a: '甲' },
  });
  const document = {
    chainId: 'test',
    timeMs: genesis.timeMs,
    members: genesis.members.map(memberJson),
    policy: genesis.policy.toString('utf8'),
  };
  expect(hex(genesisHash(document, sm3)!)).toBe(genesis.hash.toString('hex'));
  expect(hex(genesisHash({ ...document, policy: '{}' }, sm3)!)).not.toBe(genesis.hash.toString('hex'));
});

describe('a transaction', () => {
  test('is read as it was written', () => {
    const read = readTransaction(encoded, sm3);
    expect(read).toMatchObject({ chainId: 'test', sender: 'yz1', type: 'attest' });
    expect(hex(read.txId)).toBe(txIdOf(made).toString('hex'));
    expect(sm2.verify(keys.publicKey, read.message, read.signature)).toBe(true);
    expect(hex(txLeafHash(encoded, sm3))).toBe(leafHash(encoded).toString('hex'));
  });

  test('of any bytes: read, or refused with a ShapeError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(encoded.length - 1), (bytes, at) => {
        for (const data of [bytes, encoded.subarray(0, at)])
          try {
            readTransaction(data, sm3);
          } catch (error) {
            expect(error).toBeInstanceOf(ShapeError);
          }
      }),
    );
  });

  const recordHex = { stream: 'archive', key: hex(record.key), digest: hex(record.digest), note: hex(record.note) };
  const shown: Transaction = {
    txId: txIdOf(made).toString('hex'),
    height: 2,
    index: 0,
    count: 2,
    timeMs: 0,
    sender: 'yz1',
    nonce: '07'.repeat(16),
    type: 'attest',
    signature: hex(made.signature),
    records: [recordHex, recordHex],
    tx: encoded.toString('base64'),
  };
  const members = [{ memberId: 'yz1', name: '成员', publicKey: hex(keys.publicKey), role: 'validator' as const }];
  const failed = (tx: Transaction, of = members) =>
    checkTransaction(tx, of, crypto)
      .filter(({ state }) => state === 'fail')
      .map(({ name }) => name);
  const flipped = (at: number) => {
    const bytes = Buffer.from(encoded);
    bytes[at]! ^= 1;
    return bytes.toString('base64');
  };

  test.each<[string, Transaction, string[]]>([
    ['as it is', shown, []],
    ['another id', { ...shown, txId: '00'.repeat(32) }, ['txId']],
    ['a record left out', { ...shown, records: [recordHex] }, ['content']],
    ['another digest', { ...shown, records: [recordHex, { ...recordHex, digest: '00'.repeat(32) }] }, ['content']],
    ['another sender', { ...shown, sender: 'yz2' }, ['content']],
    ['one bit of the signature', { ...shown, tx: flipped(encoded.length - 1) }, ['sender']],
    ['bytes that are none', { ...shown, tx: 'AAAA' }, ['form']],
  ])('shown as %s', (_, tx, names) => {
    expect(failed(tx)).toEqual(names);
  });

  test('of somebody who is no member', () => {
    expect(failed(shown, [])).toEqual(['sender']);
  });

  test('that removes a member: what is shown is held against what was signed', () => {
    const change = { type: 'remove' as const, height: 9, memberId: 'yz2', publicKey: keys.publicKey };
    const body = encodeChange(change);
    const unsigned = { chainId: 'test', sender: 'yz1', nonce: Buffer.alloc(16, 7), type: txTypeOf(change), body };
    const tx = {
      ...shown,
      type: 'member' as const,
      txId: txIdOf(unsigned).toString('hex'),
      tx: encodeTransaction({ ...unsigned, signature: made.signature }).toString('base64'),
      change: {
        id: changeIdOf(unsigned.type, body).toString('hex'),
        ...change,
        publicKey: hex(keys.publicKey),
      },
    };
    expect(failed(tx)).toEqual(['sender']); // the signature is of another transaction
    expect(failed({ ...tx, change: { ...tx.change, memberId: 'yz3' } })).toEqual(['content', 'sender']);
    expect(failed({ ...tx, change: { ...tx.change, id: '00'.repeat(32) } })).toEqual(['sender', 'changeId']);
  });
});

describe('evidence', () => {
  const vote = (block: number, height = 6) => {
    const message = voteMessage('test', {
      type: 1,
      height,
      round: 0,
      voter: 'b',
      blockHash: Buffer.alloc(32, block),
    });
    return { message, signature: sm2.sign(keys.privateKey, message) };
  };
  const signedHex = (a: ReturnType<typeof vote>, b: ReturnType<typeof vote>) =>
    equivocationOf('b', a, b).signed.map(({ message, signature }) => ({
      message: hex(message),
      signature: hex(signature),
    }));
  const own = [hex(keys.publicKey)];

  test('of two votes for one step proves it', () => {
    expect(checkEquivocation('test', signedHex(vote(1), vote(2)), own, crypto)).toMatchObject({
      height: 6,
      round: 0,
      step: 'prevote',
    });
  });

  test.each([
    ['one vote twice', 'test', signedHex(vote(1), vote(1)), own],
    ['votes of two heights', 'test', signedHex(vote(1), vote(2, 7)), own],
    ['another chain', 'other', signedHex(vote(1), vote(2)), own],
    ['another’s key', 'test', signedHex(vote(1), vote(2)), [hex(sm2.generateKeyPair().publicKey)]],
    [
      'no votes',
      'test',
      [
        { message: '00', signature: '00' },
        { message: '01', signature: '00' },
      ],
      own,
    ],
  ])('proves nothing: %s', (_, chainId, signed, ofAccused) => {
    expect(checkEquivocation(chainId, signed, ofAccused, crypto)).toBeNull();
  });

  describe('of a split view', () => {
    const { header } = makeReceipt().ledger;
    const block = blockHash(header, sm3);
    const signedBy = (memberId: string, changed: { blockHash?: Buffer; logSize?: number; height?: number }) => {
      const own = { height: header.height, blockHash: Buffer.from(block), logSize: header.logSize };
      const logRoot = Buffer.from(header.logRoot, 'hex');
      const message = checkpointMessage(header.chainId, { ...own, logRoot, memberId, ...changed });
      return { message: hex(message), signature: hex(sm2.sign(keys.privateKey, message)) };
    };
    const other = { blockHash: Buffer.alloc(32, 9) };

    test.each([
      ['another block', signedBy('b', other), own, true],
      ['another size of the log', signedBy('b', { logSize: header.logSize + 1 }), own, true],
      ['the same block', signedBy('b', {}), own, false],
      ['another height', signedBy('b', { ...other, height: header.height + 1 }), own, false],
      ['another member', signedBy('c', other), own, false],
      ['another’s key', signedBy('b', other), [hex(sm2.generateKeyPair().publicKey)], false],
      ['no checkpoint', { message: '00', signature: '00' }, own, false],
    ])('%s', (_, signed, ofMember, isSplit) => {
      expect(checkSplitView({ header, block }, 'b', signed, ofMember, crypto)).toBe(isSplit);
    });
  });

  test('a commit is read as it was written', () => {
    const signatures = [{ memberId: 'b', signature: Buffer.alloc(64, 3) }];
    const bytes = encodeCommit({ height: 6, round: 2, blockHash: Buffer.alloc(32), signatures });
    expect(decodeCommit(bytes)).toEqual({ round: 2, signatures: [{ memberId: 'b', signature: '03'.repeat(64) }] });
  });
});

describe('a record without its manifest', () => {
  const { ledger } = makeReceipt();
  const { digest } = ledger.entry.record;
  const trust = { chainId: ledger.chainId, genesisHash: ledger.genesisHash, membersHash: ledger.header.membersHash };

  test('is valid for its digest', () => {
    const { verdict, layers } = verifyRecord(ledger, digest, trust, crypto);
    expect(verdict).toBe('valid');
    expect(layers.map(({ layer }) => layer)).toEqual([
      'form',
      'file',
      'inclusion',
      'header',
      'commit',
      'handover',
      'trust',
    ]);
    expect(checkSignatures(parseLedgerReceipt(ledger), crypto).every(({ isValid }) => isValid)).toBe(true);
  });

  test.each([
    ['form', { ...ledger, extra: 1 }, digest],
    ['form', null, digest],
    ['file', ledger, '00'.repeat(32)],
    ['inclusion', { ...ledger, index: 0 }, digest],
    ['commit', { ...ledger, commit: { ...ledger.commit, round: 1 } }, digest],
  ])('fails at %s', (failed, given, of) => {
    expect(verifyRecord(given, of, trust, crypto)).toMatchObject({ verdict: 'invalid', failed });
  });

  test('cannot be told without an anchor', () => {
    expect(verifyRecord(ledger, digest, null, crypto).verdict).toBe('unknown');
  });
});

describe('a checkpoint', () => {
  const { header } = makeReceipt().ledger;
  const other = sm2.generateKeyPair();
  const members = [keys, other].map(({ publicKey }, i) => ({
    memberId: `yz${i + 1}`,
    name: '成员',
    publicKey: hex(publicKey),
    role: 'validator' as const,
  }));
  const own = blockHash(header, sm3);
  const checkpoint = { height: header.height, blockHash: hex(own), logSize: header.logSize, logRoot: header.logRoot };
  const signature = ({ privateKey }: typeof keys, memberId: string, said = checkpoint) => {
    const bytes = { ...said, blockHash: Buffer.from(said.blockHash, 'hex'), logRoot: Buffer.from(said.logRoot, 'hex') };
    const message = checkpointMessage(header.chainId, { ...bytes, memberId });
    return { memberId, signature: hex(sm2.sign(privateKey, message)) };
  };
  const signed = [signature(keys, 'yz1'), signature(other, 'yz2')];
  const elsewhere = { ...checkpoint, logRoot: '00'.repeat(32) };
  const block = { header } as Block;

  test.each<[string, Partial<SignedCheckpoint>, string]>([
    ['all signed it', { signatures: signed }, 'valid'],
    ['not all signed it', { signatures: signed.slice(1) }, 'unknown'],
    ['a key of another', { signatures: [signed[0]!, signature(keys, 'yz2')] }, 'invalid'],
    ['a signer that is no member', { signatures: [...signed, signature(keys, 'yz9')] }, 'invalid'],
    ['signed for another root', { signatures: [signed[0]!, signature(other, 'yz2', elsewhere)] }, 'invalid'],
    ['another block', { ...elsewhere, signatures: [signature(keys, 'yz1', elsewhere)] }, 'invalid'],
    ['bytes that are none', { signatures: signed, blockHash: 'x' }, 'invalid'],
  ])('%s', (_, rest, verdict) => {
    const told = { ...checkpoint, timeMs: header.timeMs, signatures: [], ...rest };
    expect(verdictOf(checkCheckpoint(header.chainId, told, block, members, crypto))).toBe(verdict);
  });
});

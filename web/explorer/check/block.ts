import {
  blockHash,
  checkSignatures,
  membersHash,
  merkleRoot,
  txLeafHash,
  type VerifierCrypto,
} from '../../../verifier/index.ts';
import { toHex } from '../../../verifier/bytes.ts';
import type { Block, Member } from '../client/types.ts';
import { fromBase64, guarded, type Step, step } from './step.ts';

/** Whether the header is that of the hash, and the members' signatures are under it, more than two thirds of them. */
export const checkCertificate = (block: Block, members: readonly Member[], crypto: VerifierCrypto): Step[] =>
  guarded(() => {
    const { header, hash } = block;
    const own = toHex(blockHash(header, crypto.sm3));
    const ofMembers = membersHash(members, crypto.sm3);
    const validators = members.filter(({ role }) => role === 'validator').length;
    const signatures = checkSignatures({ ...block, members: [...members] }, crypto);
    const valid = new Set(signatures.filter(({ isValid }) => isValid).map(({ memberId }) => memberId)).size;
    return [
      step('hash', own === hash, { detail: own }),
      step('members', ofMembers !== null && toHex(ofMembers) === header.membersHash, { detail: header.membersHash }),
      ...signatures.map(({ memberId, isValid }) => step('signature', isValid, { values: { member: memberId } })),
      step('quorum', 3 * valid > 2 * validators && valid === signatures.length, {
        values: { valid, validators, needed: Math.floor((2 * validators) / 3) + 1 },
      }),
    ];
  });

/** Everything of a block that can be made anew from its own bytes, and from the one before it. */
export const checkBlock = (
  block: Block,
  members: readonly Member[],
  previousHash: string | null,
  crypto: VerifierCrypto,
): Step[] => [
  ...checkCertificate(block, members, crypto),
  ...guarded(() => {
    const { header, txs = [] } = block;
    const root = toHex(
      merkleRoot(
        txs.map((tx) => txLeafHash(fromBase64(tx), crypto.sm3)),
        crypto.sm3,
      ),
    );
    return [
      step('txRoot', root === header.txRoot, { values: { count: txs.length }, detail: root }),
      previousHash === null
        ? { name: 'previous', state: 'unknown', detail: header.previous }
        : step('previous', previousHash === header.previous, { detail: header.previous }),
    ];
  }),
];

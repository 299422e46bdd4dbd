import { concat, fromHex, sized, str, tag, toHex, uint, utf8 } from '../../../verifier/bytes.ts';
import { readTransaction, type VerifierCrypto } from '../../../verifier/index.ts';
import { encodeMember } from '../../../verifier/ledger.ts';
import type { Block, Change, LedgerRecord, Member, Transaction } from '../client/types.ts';
import { fromBase64, guarded, type Step, step } from './step.ts';

const CHANGE_TYPE = { set: 2, remove: 2, policy: 3, rules: 5 } as const;

const encodeRecord = ({ stream, key, digest, note }: LedgerRecord): Uint8Array =>
  concat(str(stream), sized(fromHex(key)), fromHex(digest), sized(fromHex(note)));

/** How the body begins, made from what is shown: all of it but for the proof of a member's new key. */
function shownBody({ type, records, change, evidence }: Transaction): Uint8Array {
  if (type === 'evidence')
    return concat(
      str(evidence!.accused),
      ...evidence!.signed.flatMap(({ message, signature }) => [sized(fromHex(message)), fromHex(signature)]),
    );
  if (change === undefined) return concat(uint(records.length, 4), ...records.map(encodeRecord));
  const height = uint(change.height, 8);
  if (change.type === 'policy') return concat(height, sized(utf8(change.document)));
  if (change.type === 'rules') return concat(height, uint(change.version, 4));
  if (change.type === 'remove') return concat(uint(2, 1), height, str(change.memberId), fromHex(change.publicKey));
  return concat(uint(1, 1), height, encodeMember(change.member));
}

const changeId = ({ type }: Change, body: Uint8Array, { sm3 }: VerifierCrypto): string =>
  toHex(sm3(concat(tag('sealfolio/change/1'), uint(CHANGE_TYPE[type], 1), body)));

/** Whether a transaction is what is shown, and its sender signed it; `members` are those of its height. */
export const checkTransaction = (tx: Transaction, members: readonly Member[], crypto: VerifierCrypto): Step[] =>
  guarded(() => {
    const read = readTransaction(fromBase64(tx.tx), crypto.sm3);
    const sender = members.find(({ memberId }) => memberId === read.sender);
    const shown = shownBody(tx);
    const isWhole = tx.change?.type === 'set' || shown.length === read.body.length;
    const isShown = isWhole && toHex(read.body.subarray(0, shown.length)) === toHex(shown);
    return [
      step('txId', toHex(read.txId) === tx.txId, { detail: toHex(read.txId) }),
      step('content', isShown && read.sender === tx.sender && read.type === tx.type && toHex(read.nonce) === tx.nonce),
      sender === undefined
        ? { name: 'sender', state: 'fail', values: { member: read.sender } }
        : step('sender', crypto.sm2Verify(fromHex(sender.publicKey), read.message, read.signature), {
            values: { member: sender.name },
          }),
      ...(tx.change === undefined
        ? []
        : [step('changeId', changeId(tx.change, read.body, crypto) === tx.change.id, { detail: tx.change.id })]),
    ];
  });

/** Whether the transaction is one of its block's. */
export const checkPlace = (tx: Transaction, block: Block): Step =>
  step('inBlock', block.header.height === tx.height && (block.txs ?? []).includes(tx.tx), {
    values: { height: tx.height },
  });

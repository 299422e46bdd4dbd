import { sm3 } from '../../platform/crypto/index.ts';
import { LedgerError } from '../errors.ts';
import { decode, type Reader, tag, Writer } from './bytes.ts';
import { type Member, readMember, writeMember } from './member.ts';
import { MAX_NAME_BYTES, PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from './record.ts';
import { TxType } from './transaction.ts';

export const MAX_REQUEST_BYTES = 4096;
export const MAX_POLICY_BYTES = 64 * 1024;
const CHANGE_TAG = tag('sealfolio/change/1');
const MEMBER_KEY_TAG = tag('sealfolio/member-key/1');
const Action = { set: 1, remove: 2 } as const;

/** What a member puts to the others. Sending it is one's own approval; enough of them, and it is in force. */
export type Change =
  /** A member as it is to be: a new one, another name or role, another key. */
  | {
      type: 'set';
      /** From which height; 0 or a past one: the next after it is adopted. */
      height: number;
      member: Member;
      /** The new key's own signature over memberKeyMessage: whoever asks holds it. */
      proof: Buffer;
      /** The certificate request (PKCS#10, DER) that the approvers saw; may be empty. */
      request: Buffer;
    }
  /** The member leaves, or its key is lost: the key is named, so that a late vote removes nobody who came back. */
  | { type: 'remove'; height: number; memberId: string; publicKey: Buffer }
  /** Who may reach whom over the overlay, as a whole. */
  | { type: 'policy'; height: number; document: Buffer }
  /** By which rules blocks are valid, from this height on. */
  | { type: 'rules'; height: number; version: number };

const TX_TYPE = { set: TxType.member, remove: TxType.member, policy: TxType.policy, rules: TxType.rules };
export const txTypeOf = ({ type }: Pick<Change, 'type'>): number => TX_TYPE[type];

export function encodeChange(change: Change): Buffer {
  const writer = new Writer();
  switch (change.type) {
    case 'set':
      writer.u8(Action.set).u64(change.height);
      writeMember(writer, change.member);
      return writer.raw(change.proof).bytes(change.request).done();
    case 'remove':
      return writer.u8(Action.remove).u64(change.height).str(change.memberId).raw(change.publicKey).done();
    case 'policy':
      return writer.u64(change.height).bytes(change.document).done();
    case 'rules':
      return writer.u64(change.height).u32(change.version).done();
  }
}

function readMemberChange(reader: Reader): Change {
  const action = reader.u8();
  const height = reader.u64();
  if (action === Action.set)
    return {
      type: 'set',
      height,
      member: readMember(reader),
      proof: reader.raw(SIGNATURE_BYTES),
      request: reader.bytes(MAX_REQUEST_BYTES),
    };
  if (action === Action.remove)
    return { type: 'remove', height, memberId: reader.str(MAX_NAME_BYTES), publicKey: reader.raw(PUBLIC_KEY_BYTES) };
  throw new LedgerError('encoding-invalid', 'action on a member');
}

/** The change in the body of a `member`, `policy` or `rules` transaction. Throws encoding-invalid. */
export function decodeChange(txType: number, body: Uint8Array): Change {
  return decode(body, (reader): Change => {
    if (txType === TxType.policy)
      return { type: 'policy', height: reader.u64(), document: reader.bytes(MAX_POLICY_BYTES) };
    if (txType === TxType.rules) return { type: 'rules', height: reader.u64(), version: reader.u32() };
    return readMemberChange(reader);
  });
}

/** The same change has the same id, whoever sends it: this is what approvals are counted for. */
export const changeIdOf = (txType: number, body: Uint8Array): Buffer => sm3(CHANGE_TAG, Uint8Array.of(txType), body);

/** What a key signs to show that it is held by whoever wants it for this member. */
export const memberKeyMessage = (chainId: string, memberId: string, publicKey: Uint8Array): Buffer =>
  new Writer().raw(MEMBER_KEY_TAG).str(chainId).str(memberId).raw(publicKey).done();

import { sm3 } from '../../platform/crypto/index.ts';
import { LedgerError } from '../errors.ts';
import { type Reader, tag, Writer } from './bytes.ts';
import { MAX_NAME_BYTES, PUBLIC_KEY_BYTES } from './record.ts';

export const MAX_MEMBERS = 256;
export const MAX_DISPLAY_BYTES = 512;
const MEMBERS_TAG = tag('sealfolio/members/1');

/** A validator votes; an observer follows, and may attest. */
export type Role = 'validator' | 'observer';
const ROLES: readonly Role[] = ['validator', 'observer'];

export interface Member {
  memberId: string;
  name: string;
  publicKey: Buffer;
  role: Role;
}

export const byMemberId = (a: { memberId: string }, b: { memberId: string }): number =>
  a.memberId < b.memberId ? -1 : a.memberId > b.memberId ? 1 : 0;

export function writeMember(writer: Writer, { memberId, name, publicKey, role }: Member): void {
  writer
    .str(memberId)
    .str(name)
    .raw(publicKey)
    .u8(ROLES.indexOf(role) + 1);
}

export function readMember(reader: Reader): Member {
  const memberId = reader.str(MAX_NAME_BYTES);
  const name = reader.str(MAX_DISPLAY_BYTES);
  const publicKey = reader.raw(PUBLIC_KEY_BYTES);
  const role = ROLES[reader.u8() - 1];
  if (role === undefined) throw new LedgerError('encoding-invalid', 'role of the member');
  return { memberId, name, publicKey, role };
}

/** Sorted by memberId, so that a set has one encoding. */
export function writeMembers(writer: Writer, members: readonly Member[]): void {
  writer.list([...members].sort(byMemberId), writeMember);
}

export const readMembers = (reader: Reader): Member[] => reader.list(MAX_MEMBERS, readMember);

export function membersHash(members: readonly Member[]): Buffer {
  const writer = new Writer().raw(MEMBERS_TAG);
  writeMembers(writer, members);
  return sm3(writer.done());
}

/** Ids of those that vote, in the order of their turns. */
export const validatorsOf = (members: readonly Member[]): string[] =>
  members
    .filter(({ role }) => role === 'validator')
    .map(({ memberId }) => memberId)
    .sort();

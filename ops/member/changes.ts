import { setTimeout as delay } from 'node:timers/promises';
import { type Change, changeIdOf, decodeChange, encodeChange, txTypeOf } from '../../chain-node/codec/change.ts';
import { readPolicy } from '../../chain-node/overlay/policy.ts';
import { MemberError } from './errors.ts';
import type { OpenNow, OwnNode } from './own-node.ts';
import { changeFor, type JoinRequest, requestedCertificate } from './request.ts';

/** Of the beginning of an id. */
const MIN_ID = 8;
const KNOWN_WITHIN_MS = 3000;
const LOOK_EVERY_MS = 100;

export interface Put {
  /** Of the change. */
  id: string;
  approvals: string[];
  /** How many it takes; null once it is adopted. */
  needed: number | null;
}

export const changeIn = ({ type, body }: Pick<OpenNow, 'type' | 'body'>): Change =>
  decodeChange(txTypeOf({ type }), Buffer.from(body, 'base64'));

/** Says this member's word for a change: the first opens it, enough adopt it. Gives how it stands then. */
export async function putChange(node: OwnNode, change: Change): Promise<Put> {
  const [type, body] = [txTypeOf(change), encodeChange(change)];
  const id = changeIdOf(type, body).toString('hex');
  await node.send(type, body);
  const open = (await node.governance()).open.find((one) => one.id === id);
  if (open === undefined || open.effectiveAt > 0) return { id, approvals: open?.approvals ?? [], needed: null };
  return { id, approvals: open.approvals, needed: open.needed };
}

/** Puts a request to the members. */
export async function propose(node: OwnNode, request: JoinRequest): Promise<Put> {
  const { chainId } = await node.status();
  if (request.chainId !== chainId)
    throw new MemberError('request-invalid', `the request is for the chain ${request.chainId}, this is ${chainId}`);
  return putChange(node, changeFor(request));
}

/** A change that is open, by the beginning of its id; our node may be some blocks behind that of who put it. Throws change-unknown. */
export async function findOpen(node: OwnNode, id: string): Promise<OpenNow> {
  const isMeant = (one: OpenNow) => one.effectiveAt === 0 && one.id.startsWith(id);
  const find = async () => (await node.governance()).open.filter(isMeant);
  const wait = id.length < MIN_ID ? 0 : KNOWN_WITHIN_MS;
  let found = wait === 0 ? [] : await find();
  for (const until = Date.now() + wait; found.length === 0 && Date.now() < until; found = await find())
    await delay(LOOK_EVERY_MS);
  if (found.length !== 1)
    throw new MemberError('change-unknown', 'no open change, or several, with an id like this; see: list');
  return found[0]!;
}

/** Approves what another member put to all, if this member's own check finds nothing against it. */
export async function approve(node: OwnNode, open: OpenNow): Promise<Put> {
  const change = changeIn(open);
  if (change.type === 'set' && change.request.length > 0) requestedCertificate(change.member.memberId, change.request);
  if (change.type === 'policy') {
    const read = readPolicy(change.document);
    if ('faults' in read) throw new MemberError('policy-invalid', read.faults.join('; '));
  }
  return putChange(node, change);
}

/** Puts to the members that one of them is removed: its key is revoked for ever. */
export async function remove(node: OwnNode, memberId: string): Promise<Put> {
  const { members } = await node.governance();
  const member = members.find((one) => one.memberId === memberId);
  if (member === undefined) throw new MemberError('member-unknown', `${memberId} is no member`);
  return putChange(node, { type: 'remove', height: 0, memberId, publicKey: Buffer.from(member.publicKey, 'hex') });
}

/**
 * Puts to the members that other rules hold from a height on. Throws rules-unknown if this member's own node does not know
 * them, height-past if there is no time left to vote.
 */
export async function switchRules(node: OwnNode, version: number, height: number): Promise<Put> {
  const { rules } = await node.status();
  if (!rules.known.includes(version))
    throw new MemberError(
      'rules-unknown',
      `this node knows the rules ${rules.known.join(', ')}: install its new version first`,
    );
  const { height: head } = await node.governance();
  if (height <= head + 1) throw new MemberError('height-past', `the chain is at height ${head}`);
  return putChange(node, { type: 'rules', height, version });
}

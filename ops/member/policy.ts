import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { Member } from '../../chain-node/codec/member.ts';
import {
  can,
  checkPolicy,
  type Decision,
  encodePolicy,
  fingerprintOf,
  type Policy,
  type Reach,
  reachTable,
  readPolicy,
} from '../../chain-node/overlay/policy.ts';
import { changeIn, type Put, putChange } from './changes.ts';
import { MemberError } from './errors.ts';
import type { GovernanceNow, OwnNode } from './own-node.ts';

const faulty = (faults: readonly string[]) => new MemberError('policy-invalid', faults.join('; '));
const membersOf = ({ members }: GovernanceNow): Member[] =>
  members.map((member) => ({ ...member, publicKey: Buffer.from(member.publicKey, 'hex') }));

/** The policy in force. Throws policy-invalid if it cannot be read. */
export function presentPolicy({ policy }: GovernanceNow): Policy {
  const read = readPolicy(Buffer.from(policy.document, 'utf8'));
  if ('faults' in read) throw faulty(read.faults);
  return read.policy;
}

/** A draft that a person wrote. Throws policy-invalid with all that is wrong with it. */
export function draftIn(file: string): Policy {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw faulty([`${file}: ${error instanceof Error ? error.message : String(error)}`]);
  }
  const checked = checkPolicy(value);
  if ('faults' in checked) throw faulty(checked.faults);
  return checked.policy;
}

/** An earlier policy that this member's node kept. Throws policy-invalid. */
export async function earlierPolicy(node: OwnNode, version: number): Promise<Policy> {
  const kept = await node.get('/v1/overlay/policies', z.array(z.object({ version: z.number(), document: z.string() })));
  const found = kept.find((one) => one.version === version);
  if (found === undefined) throw faulty([`this node keeps no policy of version ${version}`]);
  const read = readPolicy(Buffer.from(found.document, 'utf8'));
  if ('faults' in read) throw faulty(read.faults);
  return read.policy;
}

/** A policy with one more authority, or without one: the two steps of a change of authorities. */
export function withAuthorities(
  policy: Policy,
  change: { add?: string | undefined; drop?: string | undefined },
): Policy {
  let { authorities } = policy;
  if (change.add !== undefined) {
    const pem = readFileSync(change.add, 'utf8');
    authorities = [...authorities, { sha256: fingerprintOf(new X509Certificate(pem)), pem }];
  }
  if (change.drop !== undefined) {
    const left = authorities.filter(({ sha256 }) => sha256 !== change.drop);
    if (left.length === authorities.length) throw faulty([`the policy lists no authority ${change.drop}`]);
    if (left.length === 0) throw faulty(['no authority would be left']);
    authorities = left;
  }
  return { ...policy, authorities };
}

/**
 * Puts a policy to the members, or approves it if it is before them already; it is in force once a second one has approved
 * it. It names the present height: what was adopted once is never taken a second time, and an earlier policy may come back.
 */
export async function publish(node: OwnNode, policy: Policy): Promise<Put> {
  const document = encodePolicy(policy);
  const { height, open } = await node.governance();
  const same = open
    .filter(({ effectiveAt }) => effectiveAt === 0)
    .map(changeIn)
    .find((change) => change.type === 'policy' && change.document.equals(document));
  return putChange(node, same ?? { type: 'policy', height, document });
}

export interface Difference {
  added: Reach[];
  removed: Reach[];
}

/** What a draft would change in who can reach whom. */
export function difference(governance: GovernanceNow, draft: Policy): Difference {
  const members = membersOf(governance);
  const flat = (policy: Policy) =>
    reachTable(policy, members).flatMap(({ from, to, services }) =>
      services.map((service) => ({ from, to, services: [service] })),
    );
  const keyed = (list: Reach[]) => new Map(list.map((one) => [JSON.stringify(one), one]));
  const present = readPolicy(Buffer.from(governance.policy.document, 'utf8'));
  // One that cannot be read lets nobody reach anybody.
  const [now, then] = [keyed('policy' in present ? flat(present.policy) : []), keyed(flat(draft))];
  return {
    added: [...then].filter(([key]) => !now.has(key)).map(([, one]) => one),
    removed: [...now].filter(([key]) => !then.has(key)).map(([, one]) => one),
  };
}

/** Whether one member may open a service at another, by the policy in force or by a draft. */
export const decide = (
  governance: GovernanceNow,
  policy: Policy,
  question: { from: string; to: string; service: string },
): Decision => can(policy, membersOf(governance), question);

export const reach = (governance: GovernanceNow, policy: Policy): Reach[] => reachTable(policy, membersOf(governance));

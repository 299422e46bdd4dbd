import { createHash, X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { nameSchema } from '../../platform/config/schemas.ts';
import { jcs } from '../../platform/crypto/index.ts';
import { MAX_POLICY_BYTES } from '../codec/change.ts';
import type { Member } from '../codec/member.ts';

/** Stands for any member, or any service. */
export const ANY = '*';
export const serviceSchema = z.string().regex(/^[a-z0-9][a-z0-9.-]{0,63}$/, 'name of a service');
const anyOr = (schema: z.ZodType<string>) => z.array(z.union([z.literal(ANY), schema])).min(1);

export const fingerprintOf = (certificate: X509Certificate): string =>
  createHash('sha256').update(certificate.raw).digest('hex');

const authority = z
  .strictObject({ sha256: z.string().regex(/^[0-9a-f]{64}$/), pem: z.string().max(8192) })
  .superRefine(({ sha256, pem }, context) => {
    try {
      const certificate = new X509Certificate(pem);
      if (!certificate.ca) context.addIssue('not the certificate of an authority');
      if (fingerprintOf(certificate) !== sha256) context.addIssue('sha256 is not that of the certificate');
    } catch {
      context.addIssue('not a certificate in PEM');
    }
  });

const address = z.strictObject({
  memberId: nameSchema,
  url: z
    .url({ protocol: /^wss$/ })
    // What is no address at all is told by the check before.
    .refine(
      (url) => !URL.canParse(url) || new URL(url).pathname === '/',
      'an address is wss://HOST or wss://HOST:PORT',
    ),
});

const who = z
  .strictObject({ members: anyOr(nameSchema).optional(), roles: z.array(z.enum(['validator', 'observer'])).optional() })
  .refine(({ members, roles }) => members !== undefined || roles !== undefined, 'says neither members nor roles');

const schema = z
  .strictObject({
    /** Whose TLS certificates are taken. */
    authorities: z.array(authority).max(8).default([]),
    /** Members that carry others' traffic, and where. */
    relays: z.array(address).max(16).default([]),
    /** Where a member can be reached without a relay, by who can. */
    endpoints: z.array(address).max(512).default([]),
    /** Who may open which service at whom; what no rule allows is denied. */
    rules: z
      .array(z.strictObject({ from: who, to: who, services: anyOr(serviceSchema) }))
      .max(1024)
      .default([]),
  })
  .superRefine(({ relays, endpoints }, context) => {
    const owners = new Map<string, string>();
    for (const { memberId, url } of [...relays, ...endpoints]) {
      if (!URL.canParse(url)) continue;
      const origin = new URL(url).host;
      const owner = owners.get(origin);
      if (owner !== undefined && owner !== memberId)
        context.addIssue(`${owner} and ${memberId} have the same address ${url}`);
      owners.set(origin, memberId);
    }
  });

/** What the members voted on: who is trusted, who carries, who may reach whom. */
export type Policy = z.output<typeof schema>;
export type PolicyDraft = z.input<typeof schema>;
type Who = Policy['rules'][number]['from'];

export const EMPTY_POLICY: Policy = { authorities: [], relays: [], endpoints: [], rules: [] };

/** The policy in a document, or what is wrong with it, one fault a line, each with its field. */
export function readPolicy(document: Uint8Array): { policy: Policy } | { faults: string[] } {
  if (document.length > MAX_POLICY_BYTES) return { faults: [`longer than ${MAX_POLICY_BYTES} bytes`] };
  const text = Buffer.from(document).toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
    if (jcs(value) !== text) return { faults: ['not in the canonical form of RFC 8785'] };
  } catch (error) {
    return { faults: [error instanceof Error ? error.message : String(error)] };
  }
  return checkPolicy(value);
}

/** The same of a value that is not in canonical form yet: a draft that a person wrote. */
export function checkPolicy(value: unknown): { policy: Policy } | { faults: string[] } {
  const parsed = schema.safeParse(value);
  if (parsed.success) return { policy: parsed.data };
  return { faults: parsed.error.issues.map(({ path, message }) => `${path.join('.') || '(whole)'}: ${message}`) };
}

/** The one encoding of a policy. */
export const encodePolicy = (draft: PolicyDraft): Buffer => Buffer.from(jcs(draft), 'utf8');

export interface Decision {
  allowed: boolean;
  /** Index of the rule that allows it; null if none does. */
  rule: number | null;
  reason: string;
}

const matches = ({ members, roles }: Who, { memberId, role }: Member): boolean =>
  (members === undefined || members.includes(ANY) || members.includes(memberId)) &&
  (roles === undefined || roles.includes(role));

/** Whether `from` may open `service` at `to`: both are members in force, and a rule allows it. */
export function can(
  policy: Policy,
  members: readonly Member[],
  { from, to, service }: { from: string; to: string; service: string },
): Decision {
  const refuse = (reason: string): Decision => ({ allowed: false, rule: null, reason });
  const [source, target] = [from, to].map((id) => members.find(({ memberId }) => memberId === id));
  if (source === undefined) return refuse(`${from} is no member`);
  if (target === undefined) return refuse(`${to} is no member`);
  if (from === to) return refuse('a member reaches itself without the overlay');
  const rule = policy.rules.findIndex(
    (one) =>
      matches(one.from, source) &&
      matches(one.to, target) &&
      (one.services.includes(ANY) || one.services.includes(service)),
  );
  if (rule < 0) return refuse('no rule allows it');
  return { allowed: true, rule, reason: `rule ${rule} allows it` };
}

/** Services that `from` may open at `to`, as the rules name them; '*' is any. */
export function servicesBetween(policy: Policy, members: readonly Member[], from: string, to: string): string[] {
  const named = new Set(policy.rules.flatMap(({ services }) => services));
  return [...named].filter((service) => can(policy, members, { from, to, service }).allowed).sort();
}

export interface Reach {
  from: string;
  to: string;
  services: string[];
}

/** Who can reach whom: every pair between which a rule allows something. */
export function reachTable(policy: Policy, members: readonly Member[]): Reach[] {
  const ids = members.map(({ memberId }) => memberId);
  return ids
    .flatMap((from) => ids.filter((to) => to !== from).map((to) => ({ from, to })))
    .map(({ from, to }) => ({ from, to, services: servicesBetween(policy, members, from, to) }))
    .filter(({ services }) => services.length > 0);
}

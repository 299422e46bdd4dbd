import { X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import type { Member, Role } from '../../../../chain-node/codec/member.ts';
import { PolicyState } from '../../../../chain-node/overlay/policy-state.ts';
import {
  can,
  checkPolicy,
  encodePolicy,
  fingerprintOf,
  type Policy,
  type PolicyDraft,
  reachTable,
  readPolicy,
} from '../../../../chain-node/overlay/policy.ts';
import { generateTlsKey, issueCertificate, p256Issuer, toPem } from '../../../../platform/crypto/x509.ts';

const member = (memberId: string, role: Role = 'validator'): Member => ({
  memberId,
  name: memberId,
  publicKey: Buffer.alloc(65, 4),
  role,
});
const members = [member('a'), member('b'), member('c', 'observer')];
const rules = (...list: NonNullable<PolicyDraft['rules']>): Policy => {
  const read = checkPolicy({ rules: list });
  if ('faults' in read) throw new Error(read.faults.join());
  return read.policy;
};

const POLICY = rules(
  { from: { members: ['a'] }, to: { members: ['b'] }, services: ['archive'] },
  { from: { roles: ['validator'] }, to: { roles: ['validator'] }, services: ['chain'] },
  { from: { members: ['c'], roles: ['validator'] }, to: { members: ['*'] }, services: ['*'] },
  { from: { members: ['b'] }, to: { members: ['c'] }, services: ['*'] },
);

test.each([
  ['a', 'b', 'archive', 0],
  ['b', 'a', 'archive', null], // a rule has one direction
  ['a', 'c', 'archive', null],
  ['a', 'b', 'chain', 1], // by role
  ['a', 'c', 'chain', null],
  ['c', 'a', 'archive', null], // named, but of another role: both must hold
  ['b', 'c', 'anything', 3],
  ['a', 'a', 'chain', null],
  ['x', 'a', 'chain', null],
  ['a', 'x', 'chain', null],
])('can %s reach %s for %s: rule %s', (from, to, service, rule) => {
  const decision = can(POLICY, members, { from, to, service });
  expect(decision).toMatchObject({ allowed: rule !== null, rule });
  expect(decision.reason).not.toBe('');
});

test('what no rule allows is denied: the empty policy allows nothing', () => {
  for (const from of ['a', 'b', 'c'])
    for (const to of ['a', 'b', 'c'])
      expect(can(rules(), members, { from, to, service: 'archive' }).allowed).toBe(false);
});

test('the table of who can reach whom agrees with each single answer', () => {
  expect(reachTable(POLICY, members)).toEqual([
    { from: 'a', to: 'b', services: ['archive', 'chain'] },
    { from: 'b', to: 'a', services: ['chain'] },
    { from: 'b', to: 'c', services: ['*', 'archive', 'chain'] },
  ]);
});

test('a rule more never takes away what was allowed', () => {
  const id = fc.constantFrom('a', 'b', 'c', '*');
  const side = fc.record({ members: fc.array(id, { minLength: 1, maxLength: 2 }) });
  const rule = fc.record({
    from: side,
    to: side,
    services: fc.array(fc.constantFrom('x', 'y', '*'), { minLength: 1, maxLength: 2 }),
  });
  fc.assert(
    fc.property(fc.array(rule, { maxLength: 4 }), rule, (list, more) => {
      const asked = ['a', 'b', 'c'].flatMap((from) =>
        ['a', 'b', 'c'].flatMap((to) => ['x', 'y'].map((service) => ({ from, to, service }))),
      );
      for (const one of asked)
        if (can(rules(...list), members, one).allowed)
          expect(can(rules(...list, more), members, one).allowed).toBe(true);
    }),
  );
});

function authority(name = 'links') {
  const { pem, publicKey } = generateTlsKey();
  const validity = { notBefore: new Date('2026-01-01'), notAfter: new Date('2036-01-01') };
  const certificate = issueCertificate(
    { kind: 'ca', subject: name, issuer: name, publicKey, ...validity },
    p256Issuer(pem),
  );
  return { sha256: fingerprintOf(new X509Certificate(certificate)), pem: toPem('CERTIFICATE', certificate) };
}
const leaf = () => {
  const { pem, publicKey } = generateTlsKey();
  const validity = { notBefore: new Date('2026-01-01'), notAfter: new Date('2036-01-01') };
  const certificate = issueCertificate(
    { kind: 'tls', subject: 'a', issuer: 'a', publicKey, ...validity },
    p256Issuer(pem),
  );
  return { sha256: fingerprintOf(new X509Certificate(certificate)), pem: toPem('CERTIFICATE', certificate) };
};

test('a policy is read back from its one encoding', () => {
  const draft: PolicyDraft = {
    authorities: [authority(), authority('links 2')],
    relays: [{ memberId: 'a', url: 'wss://relay.example' }],
    endpoints: [{ memberId: 'b', url: 'wss://10.0.0.2:8443' }],
    rules: POLICY.rules,
  };
  expect(readPolicy(encodePolicy(draft))).toEqual({ policy: draft });
  expect(readPolicy(Buffer.from('{}'))).toEqual({ policy: { authorities: [], relays: [], endpoints: [], rules: [] } });
});

const one = (draft: unknown) => {
  const read = checkPolicy(draft);
  return 'faults' in read ? read.faults.join('\n') : '';
};
const rule = { from: { members: ['a'] }, to: { members: ['b'] }, services: ['x'] };
test.each([
  ['an unknown field', { rule: [] }, /rule/],
  ['nobody named', { rules: [{ ...rule, from: {} }] }, /rules.0.from.*neither members nor roles/],
  ['an empty list of services', { rules: [{ ...rule, services: [] }] }, /rules.0.services/],
  ['a role that there is not', { rules: [{ ...rule, to: { roles: ['king'] } }] }, /rules.0.to.roles.0/],
  ['no TLS', { relays: [{ memberId: 'a', url: 'ws://a' }] }, /relays.0.url/],
  ['no address', { relays: [{ memberId: 'a', url: 'h:/' }] }, /relays.0.url/],
  ['another protocol', { endpoints: [{ memberId: 'a', url: '7ss://10.0.0.2' }] }, /endpoints.0.url/],
  ['a path', { relays: [{ memberId: 'a', url: 'wss://a/other' }] }, /wss:\/\/HOST/],
  [
    'one address of two members',
    { relays: [{ memberId: 'a', url: 'wss://h:1' }], endpoints: [{ memberId: 'b', url: 'wss://h:1' }] },
    /a and b have the same address/,
  ],
  ['no certificate', { authorities: [{ sha256: '0'.repeat(64), pem: 'x' }] }, /authorities.0.*not a certificate/],
  ['another fingerprint', { authorities: [{ ...authority(), sha256: '0'.repeat(64) }] }, /not that of the certificate/],
  ['a certificate that may not sign', { authorities: [leaf()] }, /not the certificate of an authority/],
])('a policy with %s is refused, and the fault names the field', (_, draft, fault) => {
  expect(one(draft)).toMatch(fault);
});

test.each([
  ['blanks', Buffer.from('{ }')],
  ['a second key', Buffer.from('{"rules":[],"rules":[]}')],
  ['keys in another order', Buffer.from('{"rules":[],"relays":[]}')],
  ['no JSON', Buffer.from('policy')],
  ['an address that is none', Buffer.from('{"relays":[{"memberId":"a","url":"7ss://h"}]}')],
  ['too long a text', Buffer.alloc(70_000, 0x20)],
])('a document with %s cannot be read', (_, document) => {
  expect(readPolicy(document)).toHaveProperty('faults.0');
});

test('a policy that cannot be read denies all, and keeps the addresses of the last that could', () => {
  const state = new PolicyState();
  const first: PolicyDraft = { relays: [{ memberId: 'a', url: 'wss://relay.example' }], rules: POLICY.rules };
  state.update({ version: 1, document: encodePolicy(first) });
  expect(can(state.policy, members, { from: 'a', to: 'b', service: 'archive' }).allowed).toBe(true);
  state.update({ version: 2, document: Buffer.from('no policy') });
  expect(state.faults).toHaveLength(1);
  expect(state.version).toBe(2);
  expect(state.policy.rules).toEqual([]);
  expect(state.policy.relays).toEqual(first.relays);
  state.update({ version: 3, document: encodePolicy({ rules: POLICY.rules }) });
  expect(state.faults).toEqual([]);
  expect(state.policy.relays).toEqual([]);
});

test('who starts while the policy cannot be read takes the addresses that it remembers', () => {
  const state = new PolicyState();
  state.update({ version: 2, document: Buffer.from('no policy') });
  const relays = [{ memberId: 'a', url: 'wss://relay.example' }];
  state.keep({ authorities: [], relays, endpoints: [], rules: [...POLICY.rules] });
  expect(state.policy).toMatchObject({ relays, rules: [] });
});

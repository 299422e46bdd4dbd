import fc from 'fast-check';
import { ADMINISTRATORS, Role, separationViolations } from '../../../domain/access.ts';
import { deputyFault, isActing, passwordFaults } from '../../../domain/people.ts';

test.each([
  ['a long enough password', 'clerk', []],
  ['长得足够的一句口令没有人猜得到', 'clerk', []],
  ['short', 'clerk', ['short', 'simple']],
  ['aaaaaaaaaaaaaaaa', 'clerk', ['simple']],
  ['the Clerk of the room', 'clerk', ['username']],
  ['a1b2c3'.repeat(30), 'clerk', ['long']],
])('password %s of %s: %j', (password, username, faults) => {
  expect(passwordFaults(password, username)).toEqual(faults);
});

test('三员分立: whoever holds one of the three holds nothing else', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.constantFrom(...Object.values(Role))), (roles) => {
      const isMixed = roles.length > 1 && roles.some((role) => (ADMINISTRATORS as readonly Role[]).includes(role));
      expect(separationViolations(roles).length > 0).toBe(isMixed);
    }),
  );
});

const [from, to] = [new Date('2026-11-24T00:00:00Z'), new Date('2026-11-26T00:00:00Z')];
const term = { principal: 'a', deputy: 'b', from, to };
test.each<[string, Partial<typeof term>, string, string | null]>([
  ['in time', {}, '2026-11-25T00:00:00Z', null],
  ['to oneself', { deputy: 'a' }, '2026-11-25T00:00:00Z', 'self'],
  ['backwards', { to: from }, '2026-11-25T00:00:00Z', 'period'],
  ['over', {}, '2026-11-26T00:00:00Z', 'past'],
])('a deputy %s', (_name, change, now, fault) => {
  expect(deputyFault({ ...term, ...change }, new Date(now))).toBe(fault);
});

test('acts in [from, to), and no longer once it was ended', () => {
  expect(isActing(term, from)).toBe(true);
  expect(isActing(term, to)).toBe(false);
  const endedAt = new Date('2026-11-25T00:00:00Z');
  expect([isActing({ ...term, endedAt }, from), isActing({ ...term, endedAt }, endedAt)]).toEqual([true, false]);
});

import { classify } from '../../../../web/explorer/search.ts';

const HASH = 'ab12'.repeat(16);

test.each([
  ['12', 'height', '12'],
  [' #1204 ', 'height', '1204'],
  ['1,204', 'height', '1204'],
  ['1 204 007', 'height', '1204007'],
  ['0007', 'height', '7'],
  [HASH, 'hash', HASH],
  [HASH.toUpperCase(), 'hash', HASH],
  [`0x${HASH}`, 'hash', HASH],
  ['ab12cd34', 'key', 'ab12cd34'],
  ['AB:12:CD:34', 'key', 'ab12cd34'],
  ['1'.repeat(64), 'hash', '1'.repeat(64)],
  ['ab12c', 'name', 'ab12c'],
  ['云州市中医医院', 'name', '云州市中医医院'],
  ['yz1', 'name', 'yz1'],
  ['   ', 'none', ''],
  ['x'.repeat(129), 'none', 'x'.repeat(129)],
])('%s is taken for a %s', (text, taken, value) => {
  expect(classify(text)).toEqual({ taken, value });
});

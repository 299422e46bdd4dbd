import { absence, missingOf } from '../../../../web/explorer/client/answers.ts';
import { nextOf } from '../../../../web/explorer/client/link.ts';
import { doubt } from '../../../../web/explorer/client/doubt.ts';

const synced = { height: 9, highest: 9, syncing: false, linked: true };
const late = { height: 9, highest: 14, syncing: true, linked: true };
const apart = { height: 9, highest: 9, syncing: false, linked: false };

describe('a refusal is read by its code, and by how the node stands', () => {
  test.each([
    ['there is no such thing', 404, { code: 'not-found', reason: '', ...synced }, 'absent'],
    ['the node has not got so far', 404, { code: 'not-synced', reason: '', ...synced }, 'behind'],
    ['the node is catching up', 404, { code: 'not-synced', reason: '', ...late }, 'behind'],
    ['an older node says not-found while it catches up', 404, { code: 'not-found', reason: '', ...late }, 'behind'],
    ['it was pruned', 410, { code: 'pruned', reason: '' }, 'pruned'],
  ])('%s', (_, status, body, kind) => {
    expect(missingOf(status, body).kind).toBe(kind);
  });

  test.each([
    ['apart from the others', 404, { code: 'not-found', reason: '', ...apart }, 'isolated'],
    ['404 of something that is no node', 404, 'Not Found', 'strange'],
    ['404 without how the node stands', 404, { code: 'not-found', reason: '' }, 'refused'],
    ['no such route', 404, { code: 'route-not-found', reason: '' }, 'refused'],
    ['a fault of the node', 500, { code: 'internal', reason: '' }, 'refused'],
    ['null', 502, null, 'strange'],
  ])('unknown: %s', (_, status, body, why) => {
    expect(missingOf(status, body)).toMatchObject({ kind: 'unknown', why });
  });
});

describe('a node’s word that there is no such thing', () => {
  const others = [
    { memberId: 'b', url: 'http://b' },
    { memberId: 'c', url: 'http://c' },
  ];
  const found = { kind: 'found', value: null, next: null } as const;
  const offline = { kind: 'unknown', why: 'offline', detail: '' } as const;

  test('stands if no other has it, though some do not answer', async () => {
    const { missing, asked } = await doubt(absence(synced), others, (url) =>
      Promise.resolve(url === 'http://b' ? absence(synced) : offline),
    );
    expect(missing.kind).toBe('absent');
    expect(asked.map(({ kind }) => kind)).toEqual(['absent', 'unknown']);
  });

  test('falls if one has it', async () => {
    const { missing } = await doubt(absence(synced), others, (url) =>
      Promise.resolve(url === 'http://c' ? found : absence(synced)),
    );
    expect(missing).toEqual({ kind: 'unknown', why: 'disagree', detail: 'c' });
  });

  test.each([absence(late), absence(apart)])('is not asked for where it was not given: $kind', async (missing) => {
    const given = await doubt(missing, others, () => Promise.reject(new Error('not to be asked')));
    expect(given).toEqual({ missing, asked: [] });
  });
});

test.each([
  ['</v1/records?from=3&limit=2>; rel="next"', '/v1/records?from=3&limit=2'],
  ['</v1/records>; rel="prev"', null],
  [null, null],
])('the next page by a Link header %s', (link, next) => {
  expect(nextOf(link)).toBe(next);
});

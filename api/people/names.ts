import { LRUCache } from 'lru-cache';
import type { Store } from '../../platform/store/index.ts';

/** How long a name is shown that has been changed since. */
const KNOWN_MS = 30_000;
const MOST_KNOWN = 5000;
const known = new WeakMap<Store, LRUCache<string, string>>();

/** Display names of people, by user name; who is not known has none. */
export async function displayNames(
  store: Store,
  usernames: Iterable<string>,
): Promise<Record<string, string | undefined>> {
  const kept = known.get(store) ?? new LRUCache<string, string>({ max: MOST_KNOWN, ttl: KNOWN_MS });
  known.set(store, kept);
  const names: Record<string, string> = {};
  const unknown: string[] = [];
  for (const username of new Set(usernames)) {
    const name = kept.get(username);
    if (name === undefined) unknown.push(username);
    else names[username] = name;
  }
  if (unknown.length === 0) return names;
  const users = await store.models.User.find({ username: { $in: unknown } })
    .select('-_id username displayName')
    .lean<{ username: string; displayName: string }[]>();
  for (const { username, displayName } of users) {
    kept.set(username, displayName);
    names[username] = displayName;
  }
  return names;
}

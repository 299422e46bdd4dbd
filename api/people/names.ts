import type { Store } from '../../platform/store/index.ts';

/** Display names of people, by user name; who is not known has none. */
export async function displayNames(
  { models }: Store,
  usernames: Iterable<string>,
): Promise<Record<string, string | undefined>> {
  const users = await models.User.find({ username: { $in: [...new Set(usernames)] } })
    .select('-_id username displayName')
    .lean<{ username: string; displayName: string }[]>();
  return Object.fromEntries(users.map(({ username, displayName }) => [username, displayName]));
}

import type { Answer, Missing } from './answers.ts';

/** What another node said of the same thing. */
export interface Other {
  memberId: string;
  url: string;
  kind: Answer<unknown>['kind'];
}

/**
 * Asks the other nodes for what this one says does not exist: if one has it, this node's word is not enough, and the
 * answer is `unknown`. Nodes that do not answer change nothing.
 */
export async function doubt(
  missing: Missing,
  others: readonly { memberId: string; url: string }[],
  has: (url: string) => Promise<Answer<unknown>>,
): Promise<{ missing: Missing; asked: Other[] }> {
  if (missing.kind !== 'absent') return { missing, asked: [] };
  const asked = await Promise.all(others.map(async (other) => ({ ...other, kind: (await has(other.url)).kind })));
  const having = asked.filter(({ kind }) => kind === 'found').map(({ memberId }) => memberId);
  return {
    missing: having.length > 0 ? { kind: 'unknown', why: 'disagree', detail: having.join(', ') } : missing,
    asked,
  };
}

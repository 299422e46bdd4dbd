import type { Block } from './client/types.ts';

/** What is set beside one another, and how it is shown. Certificates may differ: any quorum's signatures will do. */
export const COMPARED = {
  genesisHash: 'hash',
  hash: 'hash',
  previous: 'hash',
  txRoot: 'hash',
  logSize: 'number',
  logRoot: 'hash',
  stateHash: 'hash',
  membersHash: 'hash',
  timeMs: 'time',
  proposer: 'name',
} as const;
export type ComparedName = keyof typeof COMPARED;

export interface ComparedRow {
  name: ComparedName;
  differs: boolean;
  /** `isOdd`: not what most say; where no value has most, all that differ are odd. */
  cells: { value: string | null; isOdd: boolean }[];
}

const valueOf = (name: ComparedName, genesisHash: string | null, block: Block | null): string | null => {
  if (name === 'genesisHash') return genesisHash;
  if (block === null) return null;
  return String(name === 'hash' ? block.hash : block.header[name]);
};

/** Rows of a comparison; what a node lacks is no difference. */
export function differences(nodes: readonly { genesisHash: string | null; block: Block | null }[]): ComparedRow[] {
  return (Object.keys(COMPARED) as ComparedName[]).map((name) => {
    const values = nodes.map(({ genesisHash, block }) => valueOf(name, genesisHash, block));
    const counts = new Map<string, number>();
    for (const value of values) if (value !== null) counts.set(value, (counts.get(value) ?? 0) + 1);
    const most = Math.max(0, ...counts.values());
    const leaders = [...counts].filter(([, count]) => count === most).map(([value]) => value);
    const usual = leaders.length === 1 ? leaders[0]! : null;
    const differs = counts.size > 1;
    return {
      name,
      differs,
      cells: values.map((value) => ({ value, isOdd: differs && value !== null && value !== usual })),
    };
  });
}

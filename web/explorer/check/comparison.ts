import type { Block } from '../client/types.ts';
import type { Verdict } from './step.ts';

/** What one node gave for a height; `verdict`: of the signatures under its block. */
export interface Compared {
  name: string;
  genesisHash: string | null;
  block: Block | null;
  verdict: Verdict | null;
}

/** What it means that nodes say the same of a height, or do not. `isEarlier`: they parted below it. */
export type Comparison =
  | { kind: 'tooFew' | 'same' | 'otherChain' | 'otherMembers'; isEarlier: boolean }
  /** Who gave a block without a quorum's signatures. */
  | { kind: 'unsigned'; isEarlier: boolean; nodes: string[] }
  /** Two blocks that each have a quorum's signatures. */
  | { kind: 'fork'; isEarlier: boolean; blocks: [Block, Block] };

const distinct = <T>(values: readonly (T | null)[]) => [...new Set(values.filter((value) => value !== null))];

export function comparisonOf(nodes: readonly Compared[]): Comparison {
  const having = nodes.filter((one): one is Compared & { block: Block } => one.block !== null);
  const isEarlier = distinct(having.map(({ block }) => block.header.previous)).length > 1;
  if (distinct(nodes.map(({ genesisHash }) => genesisHash)).length > 1) return { kind: 'otherChain', isEarlier: false };
  const differs = distinct(having.map(({ block }) => block.hash)).length > 1;
  const unsigned = having.filter(({ verdict }) => verdict === 'invalid' || (differs && verdict !== 'valid'));
  const signed = having.filter(({ verdict }) => verdict === 'valid').map(({ block }) => block);
  const [first, ...others] = signed;
  const second = others.find(({ hash }) => hash !== first!.hash);
  if (first !== undefined && second !== undefined) {
    const isOneSet = first.header.membersHash === second.header.membersHash;
    return isOneSet ? { kind: 'fork', isEarlier, blocks: [first, second] } : { kind: 'otherMembers', isEarlier };
  }
  if (having.length < 2) return { kind: 'tooFew', isEarlier: false };
  if (unsigned.length > 0) return { kind: 'unsigned', isEarlier, nodes: unsigned.map(({ name }) => name) };
  return { kind: 'same', isEarlier: false };
}

import { EVIDENCE_FORMAT, type Evidence, type EvidenceFile } from '../../../verifier/evidence-file.ts';
import type { SignedHeader } from '../../../verifier/receipt.ts';
import { save } from '../../shared/save.ts';
import { ask } from './ask.ts';
import type { Governance, Member } from './types.ts';

/** Evidence with the keys that checking it needs, as this node has them; null if it does not give them. */
export async function fileOf(chainId: string, evidence: Evidence): Promise<EvidenceFile | null> {
  const [members, handovers, governance] = await Promise.all([
    ask<Member[]>(`/v1/members?height=${evidence.height}`),
    ask<SignedHeader[]>(`/v1/handovers?height=${evidence.height}`),
    ask<Governance>('/v1/governance'),
  ]);
  if (members.kind !== 'found' || handovers.kind !== 'found' || governance.kind !== 'found') return null;
  const known = new Set(members.value.map(({ publicKey }) => publicKey));
  const others = [...governance.value.members, ...governance.value.former]
    .filter(({ publicKey }) => !known.has(publicKey))
    .map(({ memberId, publicKey }) => ({ memberId, publicKey }));
  const keys = { members: members.value, handovers: handovers.value, others };
  return { format: EVIDENCE_FORMAT, chainId, evidence, ...keys };
}

export const saveEvidence = (file: EvidenceFile): void =>
  save(
    [`${JSON.stringify(file, null, 2)}\n`],
    'application/json',
    `evidence-${file.evidence.type}-${file.evidence.height}-${file.evidence.id.slice(0, 8)}.json`,
  );

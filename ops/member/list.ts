import { z } from 'zod';
import { changeIn } from './changes.ts';
import { MemberError } from './errors.ts';
import type { GovernanceNow, OpenNow, OwnNode } from './own-node.ts';

const statusSchema = z.object({
  members: z.array(
    z.object({
      memberId: z.string(),
      state: z.enum(['pending', 'online', 'relayed', 'degraded', 'offline', 'revoked']),
      relays: z.array(z.string()).nullable(),
      rttMs: z.number().nullable(),
      trouble: z.string().nullable(),
    }),
  ),
  certificates: z.array(
    z.object({ of: z.string(), subject: z.string(), daysLeft: z.number(), warning: z.number().nullable() }),
  ),
});
type OverlayStatus = z.output<typeof statusSchema>;

const STATE = {
  pending: '待批',
  online: '在线',
  relayed: '中继',
  degraded: '降级',
  offline: '离线',
  revoked: '吊销',
} as const;

/** One line that says what a change would do. */
export function changeLine(open: OpenNow): string {
  const change = changeIn(open);
  const count = open.effectiveAt > 0 ? `from height ${open.effectiveAt}` : `${open.approvals.length}/${open.needed}`;
  const by = open.approvals.join(', ');
  const head = `${open.id.slice(0, 16)}  ${count}  by ${by}`;
  switch (change.type) {
    case 'set': {
      const { memberId, name, role, publicKey } = change.member;
      return `${head}  set ${memberId} ${name} (${role}), key ${publicKey.toString('hex', 1, 9)}…`;
    }
    case 'remove':
      return `${head}  remove ${change.memberId}, key ${change.publicKey.toString('hex', 1, 9)}…`;
    case 'policy':
      return `${head}  policy, ${change.document.length} bytes`;
    case 'rules':
      return `${head}  rules ${change.version} from height ${change.height}`;
  }
}

async function overlayStatus(node: OwnNode): Promise<OverlayStatus | null> {
  try {
    return await node.get('/v1/overlay/status', statusSchema);
  } catch (error) {
    // A node without an overlay has no such route.
    if (error instanceof MemberError && error.code === 'route-not-found') return null;
    throw error;
  }
}

/** Members with their states, certificates that end soon, and what waits for approval. */
export async function list(node: OwnNode, governance: GovernanceNow): Promise<string[]> {
  const status = await overlayStatus(node);
  const seen = new Map(status?.members.map((one) => [one.memberId, one]));
  const rows = governance.members.map(({ memberId, name, role }) => ({ memberId, name, role: role as string }));
  for (const { memberId, state } of status?.members ?? [])
    if (!rows.some((row) => row.memberId === memberId)) rows.push({ memberId, name: STATE[state], role: '—' });
  const lines = rows.map(({ memberId, name, role }) => {
    const one = seen.get(memberId);
    if (one === undefined) return `${memberId}  ${name}  ${role}`;
    const way = one.relays === null ? '' : one.relays.length === 0 ? ' direct' : ` by ${one.relays.join(', ')}`;
    const rtt = one.rttMs === null ? '' : ` ${one.rttMs} ms`;
    const trouble = one.trouble === null ? '' : `  (${one.trouble})`;
    return `${memberId}  ${name}  ${role}  ${STATE[one.state]} ${one.state}${way}${rtt}${trouble}`;
  });
  for (const { of, subject, daysLeft, warning } of status?.certificates ?? [])
    if (warning !== null) lines.push(`! the certificate of the ${of} ${subject} ends in ${daysLeft} days`);
  if (governance.open.length > 0) lines.push('', 'open:', ...governance.open.map(changeLine));
  return lines;
}

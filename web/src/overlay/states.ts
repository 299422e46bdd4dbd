import { CircleCheck, CircleClose, Clock, Connection, Remove, Warning } from '@element-plus/icons-vue';
import type { OverlayMember } from '../client/types.ts';

/** How a state of a member looks: never by colour alone. */
export const LOOK: Record<OverlayMember['state'], { icon: typeof Clock; color: string }> = {
  pending: { icon: Clock, color: 'var(--el-color-info)' },
  online: { icon: CircleCheck, color: 'var(--el-color-success)' },
  relayed: { icon: Connection, color: 'var(--el-color-primary)' },
  degraded: { icon: Warning, color: 'var(--el-color-warning)' },
  offline: { icon: CircleClose, color: 'var(--el-color-danger)' },
  revoked: { icon: Remove, color: 'var(--el-color-info)' },
};

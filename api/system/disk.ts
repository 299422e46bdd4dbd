import { statfs } from 'node:fs/promises';
import { SealfolioError } from '../../domain/errors.ts';
import type { ApiDeps } from '../deps.ts';

export interface DiskNow {
  /** Share that is used, of what anyone but root may use. */
  usedFraction: number;
  freeBytes: number;
  totalBytes: number;
  /** `low`: somebody should see to it; `full`: nothing new is taken in. */
  level: 'ok' | 'low' | 'full';
}

/** How full the member's disk is, against the thresholds of its configuration. */
export async function diskNow({ home, disk }: Pick<ApiDeps, 'home' | 'disk'>): Promise<DiskNow> {
  const { blocks, bfree, bavail, bsize } = await statfs(home);
  const used = blocks - bfree;
  const usedFraction = used / Math.max(used + bavail, 1);
  const level = usedFraction >= disk.refuseAt ? 'full' : usedFraction >= disk.warnAt ? 'low' : 'ok';
  return { usedFraction, freeBytes: bavail * bsize, totalBytes: (used + bavail) * bsize, level };
}

/**
 * To be asked before anything new is taken in, so that what is under way has room to end. Throws disk-full; the sender
 * may try again, and it goes on by itself once there is space.
 */
export async function refuseIfFull(deps: Pick<ApiDeps, 'home' | 'disk'>): Promise<void> {
  const { level, usedFraction } = await diskNow(deps);
  if (level === 'full')
    throw new SealfolioError('disk-full', { reason: `${Math.floor(usedFraction * 100)} % of the disk is used` });
}

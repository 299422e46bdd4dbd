/** 用工类别: what loan policy asks about a person (实习、进修人员 are lent to on other terms). */
export const Employment = { staff: 'staff', visiting: 'visiting', trainee: 'trainee' } as const;
export type Employment = (typeof Employment)[keyof typeof Employment];

export const EMPLOYMENT_NAMES: Record<Employment, { zh: string; en: string }> = {
  staff: { zh: '本院职工', en: 'Staff' },
  visiting: { zh: '进修人员', en: 'Visiting' },
  trainee: { zh: '实习人员', en: 'Trainee' },
};

export const ACCOUNT_STATES = {
  active: { zh: '在用', en: 'Active' },
  invited: { zh: '待激活', en: 'Invited' },
  locked: { zh: '已锁定', en: 'Locked' },
  disabled: { zh: '已停用', en: 'Disabled' },
} as const;
export type AccountState = keyof typeof ACCOUNT_STATES;

export const PASSWORD_MIN = 12;
const PASSWORD_MAX = 128;
const DIFFERENT_CHARACTERS = 6;

/** What is wrong with a password, in stable words; none if it is good. Length counts, not kinds of characters (NIST SP 800-63B §3.1.1). */
export function passwordFaults(password: string, username: string): ('short' | 'long' | 'username' | 'simple')[] {
  const faults: ReturnType<typeof passwordFaults> = [];
  if ([...password].length < PASSWORD_MIN) faults.push('short');
  if (password.length > PASSWORD_MAX) faults.push('long');
  if (username.length >= 3 && password.toLowerCase().includes(username.toLowerCase())) faults.push('username');
  if (new Set(password).size < DIFFERENT_CHARACTERS) faults.push('simple');
  return faults;
}

/** 代理: `deputy` decides for `principal` in [from, to). */
export interface DeputyTerm {
  principal: string;
  deputy: string;
  from: Date;
  to: Date;
  endedAt?: Date;
}

/** Longest term of a deputy. †ours, not a law's. */
export const DEPUTY_MAX_DAYS = 90;
const DAY_MS = 86_400_000;

/** Why a term cannot be, in a stable word; null if it can. */
export function deputyFault({ principal, deputy, from, to }: DeputyTerm, now: Date): 'self' | 'period' | 'past' | null {
  if (principal === deputy) return 'self';
  if (to <= from || to.getTime() - from.getTime() > DEPUTY_MAX_DAYS * DAY_MS) return 'period';
  return to <= now ? 'past' : null;
}

/** Whether the deputy may decide at this instant. */
export const isActing = ({ from, to, endedAt }: DeputyTerm, at: Date): boolean =>
  from <= at && at < to && (endedAt === undefined || at < endedAt);

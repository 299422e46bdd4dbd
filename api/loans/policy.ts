import { z } from 'zod';
import { SealfolioError } from '../../domain/errors.ts';
import { type LoanPolicy, Place, Purpose, REVIEW_ROLES, Right } from '../../domain/loan/policy.ts';
import { calendarYears, currentPolicy, FIRST_POLICY, type LoanPolicyRow } from '../../platform/store/index.ts';
import { traced } from '../traced.ts';
import { text } from '../batches/schemas.ts';
import type { ApiDeps } from '../deps.ts';
import { type Route, route } from '../route.ts';

const DUPLICATE_KEY = 11_000;
const count = (max: number) => z.int().min(0).max(max);
const days = z.int().min(1).max(3650);
const hours = z.number().min(0.5).max(1000);
const level = z.enum(REVIEW_ROLES);
const levels = z
  .array(level)
  .min(1)
  .max(3)
  .refine((all) => new Set(all).size === all.length, 'names a level twice');
const term = z.strictObject({ days, unit: z.enum(['day', 'workingDay']), atDue: z.enum(['return', 'confirm']) });
const terms = z.enum(['allowed', 'supervised', 'barred']);
const rising = (...values: number[]) => values.every((value, i) => i === 0 || value > values[i - 1]!);

export const policySchema: z.ZodType<LoanPolicy> = z.strictObject({
  batchMax: z.int().min(1).max(500),
  quota: z.int().min(1).max(100_000),
  directorAbove: count(100_000),
  terms: z.record(z.enum(Place), term),
  holidayShift: z.boolean(),
  startWithinDays: days,
  renewal: z.strictObject({ times: count(10), days, levels, reviveAfterDue: z.boolean() }),
  purposes: z.record(z.enum(Purpose), z.strictObject({ levels, rights: z.array(z.enum(Right)).min(1).max(3) })),
  marks: z.strictObject({ death: level, dispute: level }),
  employment: z.strictObject({ staff: terms, visiting: terms, trainee: terms }),
  supervisedLevels: levels,
  overdueBars: z.boolean(),
  sla: z
    .strictObject({ remindHours: hours, escalateHours: hours, expireHours: hours, escalateTo: level })
    .refine(
      (sla) => rising(sla.remindHours, sla.escalateHours, sla.expireHours),
      'remind, escalate, expire come in this order',
    ),
  emergencySla: z
    .strictObject({ remindMinutes: days, escalateMinutes: days, expireMinutes: days })
    .refine(
      (sla) => rising(sla.remindMinutes, sla.escalateMinutes, sla.expireMinutes),
      'remind, escalate, expire come in this order',
    ),
  claimHours: hours,
  reminders: z.strictObject({
    daysBeforeDue: z.array(count(365)).max(10),
    daysAfterDue: z.array(z.int().min(1).max(365)).max(20),
  }),
});
const shownPolicy = z.object({
  version: z.number(),
  policy: policySchema,
  by: z.string(),
  reason: z.string(),
  createdAt: z.string(),
});
const day = z.iso.date();
const calendarYear = z.strictObject({
  status: z.enum(['published', 'provisional']),
  source: text(200),
  holidays: z.array(day).max(120),
  workdays: z.array(day).max(60),
});

const shown = ({ version, policy, by, reason, createdAt }: LoanPolicyRow) => ({
  version,
  policy,
  by,
  reason,
  createdAt: createdAt.toISOString(),
});

/** 借阅制度 and 工作日历: data with versions; a loan keeps what it began with. */
export function policyRoutes({ store }: ApiDeps): Route[] {
  const { LoanPolicy, CalendarYear } = store.models;
  return [
    route({
      method: 'get',
      path: '/loan-policies',
      permission: 'loan:read',
      summary: 'The policy in force, and those before it',
      answer: z.object({ items: z.array(shownPolicy) }),
      async handle() {
        const found = await LoanPolicy.find().sort({ version: -1 }).limit(100).lean<LoanPolicyRow[]>();
        return { items: [...found, FIRST_POLICY].map(shown) };
      },
    }),
    route({
      method: 'post',
      path: '/loan-policies',
      permission: 'loan-policy:write',
      summary: 'Put another policy in force, made from the version that is',
      body: z.strictObject({ from: z.int().min(1), policy: policySchema, reason: text(500) }),
      answer: shownPolicy,
      status: 201,
      async handle({ body: { from, policy, reason }, ...call }) {
        const version = from + 1;
        const row = { version, policy, by: call.actor.id, reason, createdAt: new Date() };
        const { version: now } = await currentPolicy(store.models);
        if (now !== from) throw new SealfolioError('policy-changed', { field: 'from', version: now });
        await traced(store, call, 'loanPolicy.change', { type: 'loanPolicy', id: String(version) }, { reason });
        try {
          await LoanPolicy.create(row);
        } catch (error) {
          if ((error as { code?: number }).code !== DUPLICATE_KEY) throw error;
          throw new SealfolioError('policy-changed', { field: 'from', version });
        }
        return shown(row);
      },
    }),
    route({
      method: 'get',
      path: '/calendar',
      permission: 'loan:read',
      summary: 'Work calendar by year',
      answer: z.object({ items: z.array(calendarYear.extend({ year: z.number() })) }),
      handle: async () => ({ items: await calendarYears(store.models) }),
    }),
    route({
      method: 'put',
      path: '/calendar/{year}',
      permission: 'loan-policy:write',
      summary: 'Enter a year, as it was published',
      params: z.object({ year: z.coerce.number().int().min(2026).max(2100) }),
      body: calendarYear,
      async handle({ params: { year }, body, ...call }) {
        const stray = [...body.holidays, ...body.workdays].find((one) => !one.startsWith(`${year}-`));
        if (stray !== undefined)
          throw new SealfolioError('request-invalid', {
            errors: [{ pointer: '/body/holidays', rule: 'year', message: `${stray} is not in ${year}` }],
          });
        await traced(store, call, 'calendar.change', { type: 'calendar', id: String(year) }, { reason: body.source });
        await CalendarYear.updateOne(
          { year },
          { $set: { ...body, by: call.actor.id, updatedAt: new Date() } },
          { upsert: true },
        );
      },
    }),
  ];
}

import { z } from 'zod';
import { PLACE_NAMES, PURPOSE_NAMES } from '../../domain/loan/policy.ts';
import { LOAN_STATUS } from '../../domain/loan/state.ts';
import type { LoanRow } from '../../platform/store/index.ts';
import { type Column, workbook } from '../../platform/xlsx/workbook.ts';
import { traced } from '../traced.ts';
import type { ApiDeps } from '../deps.ts';
import { type Route, route } from '../route.ts';
import { filterOf, loanFilter } from './list.ts';
import { powersOf } from './powers.ts';

const MAX_ROWS = 20_000;
/** What a workbook that does not hold all says first. */
export const cutNote = (rows: number, found: string) =>
  `本表只含最前的 ${rows} 行，符合条件的${found}。请缩小筛选范围后再导出。`;
const time = new Intl.DateTimeFormat('sv-SE', { timeZone: 'Asia/Shanghai', dateStyle: 'short', timeStyle: 'short' });
const at = (instant: number | undefined) => (instant === undefined ? undefined : time.format(instant));

const COLUMNS: readonly Column<LoanRow>[] = [
  { title: '患者', width: 12, value: ({ patientName }) => patientName },
  { title: '病案号', width: 16, value: ({ patientNo }) => patientNo },
  { title: '住院次数', width: 10, value: ({ visitNo }) => visitNo },
  { title: '状态', width: 12, value: ({ state }) => LOAN_STATUS[state].zh },
  { title: '申请人', width: 12, value: ({ applicantName }) => applicantName },
  { title: '目的', width: 8, value: ({ request }) => PURPOSE_NAMES[request.purpose].zh },
  { title: '方式', width: 12, value: ({ request }) => PLACE_NAMES[request.place].zh },
  { title: '事由', width: 30, value: ({ request }) => request.reason },
  { title: '天数', width: 8, value: ({ granted, request }) => granted?.days ?? request.days },
  { title: '提交时间', width: 18, value: ({ submittedAt }) => at(submittedAt) },
  { title: '审核期限', width: 18, value: ({ task }) => at(task?.expireAt) },
  { title: '启用时间', width: 18, value: ({ startedAt }) => at(startedAt) },
  { title: '到期时间', width: 18, value: ({ dueAt }) => at(dueAt) },
  {
    title: '续借次数',
    width: 10,
    value: ({ renewals }) => renewals.filter(({ outcome }) => outcome === 'granted').length,
  },
  { title: '结束时间', width: 18, value: ({ closed }) => at(closed?.at) },
  { title: '制度版本', width: 10, value: ({ policyVersion }) => policyVersion },
  { title: '借阅编号', width: 32, value: ({ loanId }) => loanId },
];

/** All rows of a list as a workbook, with who took it and when behind and around them. */
export function exportRoutes({ store, memberName }: ApiDeps): Route[] {
  return [
    route({
      method: 'get',
      path: '/loans.xlsx',
      permission: 'loan:read',
      summary:
        'All loans that the filter finds, as a workbook with a watermark; one that does not hold all says so first',
      query: loanFilter.extend({ limit: z.coerce.number().int().min(1).max(MAX_ROWS).default(MAX_ROWS) }),
      async handle({ query: { limit, ...filter }, response, ...call }) {
        const powers = powersOf(call.actor);
        const found = filterOf(filter, powers);
        const rows = await store.models.Loan.find(found)
          .sort({ createdAt: -1, loanId: -1 })
          .limit(limit)
          .lean<LoanRow[]>();
        const total = rows.length < limit ? rows.length : await store.models.Loan.countDocuments(found);
        await traced(
          store,
          call,
          'loan.export',
          { type: 'loans', id: 'list' },
          { details: { rows: rows.length, total, filters: Object.keys(filter) } },
        );
        const now = new Date();
        const mark = `${memberName} ${call.actor.displayName}（${call.actor.id}） ${time.format(now)}`;
        const note = total > rows.length ? cutNote(rows.length, `共 ${total} 行`) : undefined;
        const book = await workbook('借阅', COLUMNS, rows, mark, note);
        response
          .set('Cache-Control', 'private, no-store')
          .attachment(`loans-${now.toISOString().slice(0, 10)}.xlsx`)
          .type('application/vnd.openxmlformats-officedocument.spreadsheetml.sheet')
          .send(book);
      },
    }),
  ];
}

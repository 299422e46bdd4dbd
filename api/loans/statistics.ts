import type { Department, Store } from '../../platform/store/index.ts';

interface Sums {
  _id: string | null;
  begun: number;
  returned: number;
  late: number;
  overdue: number;
  recalled: number;
}

const sumIf = (condition: object) => ({ $sum: { $cond: [condition, 1, 0] } });

/** 归还率 by department, of the loans of a filter that began in [from, to). */
export async function returnRates(
  { models: { Department, Loan } }: Store,
  filter: Record<string, unknown>,
  { from, to }: { from: number; to: number },
) {
  const [sums, departments] = await Promise.all([
    Loan.aggregate<Sums>([
      { $match: { $and: [filter, { startedAt: { $gte: from, $lt: to } }] } },
      {
        $group: {
          _id: { $ifNull: ['$departmentId', null] },
          begun: { $sum: 1 },
          returned: sumIf({ $eq: ['$state', 'returned'] }),
          late: sumIf({
            $and: [{ $eq: ['$state', 'returned'] }, { $gt: ['$closed.at', { $add: ['$dueAt', 60_000] }] }],
          }),
          overdue: sumIf({ $eq: ['$state', 'overdue'] }),
          recalled: sumIf({ $eq: ['$state', 'recalled'] }),
        },
      },
      { $sort: { begun: -1 } },
    ]),
    Department.find().lean<Department[]>(),
  ]);
  return sums.map(({ _id, ...counts }) => {
    const due = counts.returned + counts.overdue + counts.recalled;
    return {
      departmentId: _id,
      department: departments.find(({ departmentId }) => departmentId === _id)?.name ?? '',
      ...counts,
      rate: due === 0 ? null : counts.returned / due,
    };
  });
}

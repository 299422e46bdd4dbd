import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import {
  isEnded,
  LOAN_MOVES,
  LOAN_STATUS,
  loanDiagram,
  type LoanMove,
  LoanState,
  nextState,
} from '../../../../domain/loan/state.ts';

/** A4, as acceptance.md writes it; and 退回修改 handed in again or withdrawn, which it leaves out (ADR 0009). */
const A4 = `草稿→待审核
待审核→已撤回|退回修改|已驳回|审核超时|已批准
退回修改→待审核|已撤回
已批准→借阅中|失效
借阅中→续借审核中|已归还|已逾期|已收回
续借审核中→借阅中|已逾期|已归还
已逾期→已归还|借阅中|已收回`;
const ENDS = ['已撤回', '已驳回', '审核超时', '失效', '已归还', '已收回'];

test('the moves are those of A4, and no others', () => {
  const written = A4.split('\n').flatMap((line) => {
    const [from, to] = line.split('→') as [string, string];
    return to.split('|').map((one) => `${from}→${one}`);
  });
  const made = Object.values(LOAN_MOVES).flatMap(({ from, to }) =>
    from.map((state) => `${LOAN_STATUS[state].zh}→${LOAN_STATUS[to].zh}`),
  );
  expect(new Set(made)).toEqual(new Set(written));
});

test('the ends are those of A4', () => {
  expect(
    Object.values(LoanState)
      .filter(isEnded)
      .map((state) => LOAN_STATUS[state].zh)
      .sort(),
  ).toEqual([...ENDS].sort());
});

const moves = Object.keys(LOAN_MOVES) as LoanMove[];
test('whatever is tried, a loan walks from the draft along these moves, and out of an end nothing leads', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...moves), { maxLength: 40 }), (tries) => {
      let state: LoanState = 'draft';
      for (const move of tries) {
        const next = nextState(state, move);
        if (isEnded(state)) expect(next).toBeNull();
        if (next === null) continue;
        expect((LOAN_MOVES[move].from as readonly LoanState[]).includes(state)).toBe(true);
        state = next;
      }
    }),
  );
});

test('every state is reached from the draft, and an end from every state', () => {
  const reach = (start: LoanState) => {
    const seen = new Set<LoanState>([start]);
    for (const state of seen)
      for (const move of moves) {
        const next = nextState(state, move);
        if (next !== null) seen.add(next);
      }
    return [...seen];
  };
  expect(reach('draft').sort()).toEqual(Object.values(LoanState).sort());
  for (const state of Object.values(LoanState)) expect(reach(state).some(isEnded)).toBe(true);
});

test('docs/loan-states.md is drawn from this code (RECORD=1 draws it)', () => {
  const file = path.join(process.cwd(), 'docs', 'loan-states.md');
  const text = `# 借阅状态机 / States of a loan

Drawn from domain/loan/state.ts by its test.

\`\`\`mermaid
${loanDiagram()}
\`\`\`
`;
  if (process.env.RECORD !== undefined) writeFileSync(file, text);
  expect(existsSync(file) && readFileSync(file, 'utf8')).toBe(text);
});

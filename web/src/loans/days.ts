/** Why what was typed is no list of days of a year; `text` is the part that it is about. */
export interface DaysFault {
  why: 'unreadable' | 'otherYear' | 'reversed';
  text: string;
}

const DAY_MS = 86_400_000;
const BETWEEN_DAYS = /[\s,，、;；。]+/;
const RANGE = /至|到|~|～|–|—/;
const DAY = /^(?:(\d{4})[-年/.])?(?:(\d{1,2})[-月/.])?(\d{1,2})[日号]?$/;

/** The day as `2027-10-01`, null if it is none; a day without a month is of `month`. */
function readDay(text: string, year: number, month?: string): string | null {
  const found = DAY.exec(text);
  const [, ofYear = String(year), ofMonth = month, day] = found ?? [];
  if (ofMonth === undefined || day === undefined) return null;
  const written = `${ofYear}-${ofMonth.padStart(2, '0')}-${day.padStart(2, '0')}`;
  const at = Date.parse(`${written}T00:00:00Z`);
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(written) ? written : null;
}

function daysBetween(from: string, to: string): string[] {
  const begin = Date.parse(from);
  const count = (Date.parse(to) - begin) / DAY_MS + 1;
  return Array.from({ length: count }, (_, i) => new Date(begin + i * DAY_MS).toISOString().slice(0, 10));
}

/** The days of a list as people type it, or copy it from a notice: `10-01~10-07`, `10月1日（周五）至7日`; each once, in order. */
export function readDays(typed: string, year: number): string[] | DaysFault {
  const days = new Set<string>();
  const plain = typed.replace(/（[^）]*）|\([^)]*\)/g, '').replace(/\s*(至|到|~|～|–|—)\s*/g, '$1');
  for (const text of plain.split(BETWEEN_DAYS).filter((part) => part !== '')) {
    const ends = text.split(RANGE);
    const from = readDay(ends[0]!, year);
    const to = ends.length === 2 && from !== null ? readDay(ends[1]!, year, from.slice(5, 7)) : from;
    if (from === null || to === null || ends.length > 2) return { why: 'unreadable', text };
    if (!from.startsWith(`${year}-`) || !to.startsWith(`${year}-`)) return { why: 'otherYear', text };
    if (to < from) return { why: 'reversed', text };
    for (const day of daysBetween(from, to)) days.add(day);
  }
  return [...days].sort();
}

/** A list of days as it is typed, a run of days a line: `10-01~10-07`. */
export function writeDays(days: readonly string[]): string {
  const runs: { from: string; to: string }[] = [];
  for (const day of [...days].sort()) {
    const last = runs.at(-1);
    if (last !== undefined && Date.parse(day) - Date.parse(last.to) === DAY_MS) last.to = day;
    else runs.push({ from: day, to: day });
  }
  return runs.map(({ from, to }) => (from === to ? from.slice(5) : `${from.slice(5)}~${to.slice(5)}`)).join('\n');
}

export function isWeekend(day: string): boolean {
  return [0, 6].includes(new Date(`${day}T00:00:00Z`).getUTCDay());
}

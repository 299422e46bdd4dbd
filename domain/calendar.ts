/** 工作日历: one year of it. Days are `2026-01-04`, in China (UTC+8, no summer time). */
export interface CalendarYear {
  year: number;
  /** `provisional`: not published yet; the legal holidays (国务院令第795号) alone, without 调休. */
  status: 'published' | 'provisional';
  source: string;
  /** Days off, weekends among them or not. */
  holidays: readonly string[];
  /** 调休: weekend days that are worked. */
  workdays: readonly string[];
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const OFFSET_MS = 8 * HOUR_MS;
/** Working hours of a working day, in hours from midnight. †ours. */
export const WORKING_HOURS: readonly (readonly [from: number, to: number])[] = [
  [8, 12],
  [14, 18],
];
export const HOURS_A_DAY = WORKING_HOURS.reduce((sum, [from, to]) => sum + to - from, 0);

const range = (month: string, from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => `${month}-${String(from + i).padStart(2, '0')}`);

/** What is known when this was written; later years come in as data. */
export const CALENDAR: readonly CalendarYear[] = [
  {
    year: 2026,
    status: 'published',
    source: '国务院办公厅关于2026年部分节假日安排的通知（2025-11-04）',
    holidays: [
      ...range('2026-01', 1, 3),
      ...range('2026-02', 15, 23),
      ...range('2026-04', 4, 6),
      ...range('2026-05', 1, 5),
      ...range('2026-06', 19, 21),
      ...range('2026-09', 25, 27),
      ...range('2026-10', 1, 7),
    ],
    workdays: ['2026-01-04', '2026-02-14', '2026-02-28', '2026-05-09', '2026-09-20', '2026-10-10'],
  },
  {
    year: 2027,
    status: 'provisional',
    source: '全国年节及纪念日放假办法（2025年起），未含调休，待国务院办公厅公布',
    holidays: [
      '2027-01-01',
      ...range('2027-02', 5, 8),
      '2027-04-05',
      ...range('2027-05', 1, 2),
      '2027-06-09',
      '2027-09-15',
      ...range('2027-10', 1, 3),
    ],
    workdays: [],
  },
];

/** The day of an instant, in China. */
export const dayOf = (at: number): string => new Date(at + OFFSET_MS).toISOString().slice(0, 10);
/** The instant at which a day begins. */
export const startOfDay = (day: string): number => Date.parse(`${day}T00:00:00Z`) - OFFSET_MS;
/** The day so many days after one. */
export const plusDays = (day: string, days: number): string =>
  new Date(Date.parse(`${day}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10);

/** 工作日 by the data of the years; a year without data has its weekends only. */
export class WorkCalendar {
  readonly #off = new Set<string>();
  readonly #worked = new Set<string>();
  readonly #published = new Set<number>();

  constructor(years: readonly CalendarYear[]) {
    for (const { year, status, holidays, workdays } of years) {
      if (status === 'published') this.#published.add(year);
      for (const day of holidays) this.#off.add(day);
      for (const day of workdays) this.#worked.add(day);
    }
  }

  /** Whether the calendar of this day's year is published. */
  isSure(day: string): boolean {
    return this.#published.has(Number(day.slice(0, 4)));
  }

  isWorkingDay(day: string): boolean {
    if (this.#worked.has(day)) return true;
    if (this.#off.has(day)) return false;
    const weekday = new Date(`${day}T00:00:00Z`).getUTCDay();
    return weekday !== 0 && weekday !== 6;
  }

  /** This day if it is worked, else the next that is. */
  workingDayFrom(day: string): string {
    let found = day;
    while (!this.isWorkingDay(found)) found = plusDays(found, 1);
    return found;
  }

  /** The instant when so many working hours have passed since `from`. */
  addWorkingHours(from: number, hours: number): number {
    let left = hours * HOUR_MS;
    for (let day = dayOf(from); ; day = plusDays(day, 1)) {
      if (!this.isWorkingDay(day)) continue;
      for (const [open, close] of WORKING_HOURS) {
        const begin = Math.max(from, startOfDay(day) + open * HOUR_MS);
        const end = startOfDay(day) + close * HOUR_MS;
        if (begin >= end) continue;
        if (left <= end - begin) return begin + left;
        left -= end - begin;
      }
    }
  }

  /** The end of the day that is so many days after that of `from`: 24:00 in China. */
  endOfDayAfter(from: number, days: number): number {
    return startOfDay(plusDays(dayOf(from), days + 1));
  }

  /** The end of the so-manieth working day after that of `from`. */
  endOfWorkingDayAfter(from: number, workingDays: number): number {
    let day = dayOf(from);
    for (let left = workingDays; left > 0; left -= 1) day = this.workingDayFrom(plusDays(day, 1));
    return startOfDay(plusDays(day, 1));
  }
}

import { i18n } from './i18n.ts';

const exact = new Intl.DateTimeFormat('sv-SE', {
  timeZone: 'Asia/Shanghai',
  year: 'numeric',
  month: '2-digit',
  day: '2-digit',
  hour: '2-digit',
  minute: '2-digit',
});

const toSecond = new Intl.DateTimeFormat('sv-SE', { timeZone: 'Asia/Shanghai', timeStyle: 'medium' });

/** 2026-11-22 10:03, in Shanghai. */
export const atMinute = (iso: string): string => exact.format(new Date(iso)).replace(',', '');
/** 2026-11-22 10:03:07, in Shanghai. */
export const atSecond = (ms: number): string => `${exact.format(ms).replace(',', '')}${toSecond.format(ms).slice(-3)}`;
export const onDay = (iso: string): string => atMinute(iso).slice(0, 10);

/** How long ago; the exact time belongs beside it on hover. */
export function ago(iso: string): string {
  const { t } = i18n.global;
  const minutes = Math.floor((Date.now() - Date.parse(iso)) / 60_000);
  if (minutes < 1) return t('time.justNow');
  if (minutes < 60) return t('time.minutes', { n: minutes });
  if (minutes < 1440) return t('time.hours', { n: Math.floor(minutes / 60) });
  return t('time.days', { n: Math.floor(minutes / 1440) });
}

export const bytesText = (bytes: number): string =>
  bytes < 1e3
    ? `${bytes} B`
    : bytes < 1e6
      ? `${(bytes / 1e3).toFixed(0)} KB`
      : bytes < 1e9
        ? `${(bytes / 1e6).toFixed(1)} MB`
        : `${(bytes / 1e9).toFixed(1)} GB`;

/** The instant of a local time that was typed (2026-11-22T10:03), as it is in Shanghai. */
export const shanghaiIso = (typed: string): string => new Date(`${typed}:00+08:00`).toISOString();

/** What is typed for an instant: 2026-11-22T10:03, in Shanghai. */
export const shanghaiTyped = (iso: string): string => atMinute(iso).replace(' ', 'T');

/** The instant at which a day that was chosen (2026-11-22, or '') begins in Shanghai, or one so many days later. */
export const shanghaiDay = (day: string, plusDays = 0): string | undefined =>
  day === '' ? undefined : new Date(Date.parse(`${day}T00:00:00+08:00`) + plusDays * 86_400_000).toISOString();

/** How long until an instant, or how long it is past. */
export function distance(iso: string, now = Date.now()): { text: string; isLate: boolean } {
  const { t } = i18n.global;
  const ms = Date.parse(iso) - now;
  const minutes = Math.floor(Math.abs(ms) / 60_000);
  const time =
    minutes < 60
      ? t('loans.minutes', { n: minutes })
      : minutes < 2880
        ? t('loans.hours', { n: Math.floor(minutes / 60) })
        : t('loans.daysLong', { n: Math.floor(minutes / 1440) });
  return { text: t(ms < 0 ? 'loans.late' : 'loans.left', { time }), isLate: ms < 0 };
}

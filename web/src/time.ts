import { i18n } from './i18n/index.ts';

const exact = new Intl.DateTimeFormat('sv-SE', {
  timeZone: 'Asia/Shanghai',
  year: 'numeric',
  month: '2-digit',
  day: '2-digit',
  hour: '2-digit',
  minute: '2-digit',
});

/** 2026-11-22 10:03, in Shanghai. */
export const atMinute = (iso: string): string => exact.format(new Date(iso)).replace(',', '');
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
  bytes < 1e6
    ? `${(bytes / 1e3).toFixed(0)} KB`
    : bytes < 1e9
      ? `${(bytes / 1e6).toFixed(1)} MB`
      : `${(bytes / 1e9).toFixed(1)} GB`;

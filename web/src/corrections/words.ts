import { type Registered, type RegisteredField } from '../../../domain/correction.ts';
import { atMinute } from '../../shared/time.ts';
import { i18n } from '../i18n/index.ts';

/** A registered value as people read it. */
export function valueText(values: Registered, field: RegisteredField): string {
  const value = values[field];
  if (value === undefined || value === null || value === '') return i18n.global.t('correction.notSaid');
  return field === 'admittedAt' || field === 'dischargedAt' ? atMinute(value) : value;
}

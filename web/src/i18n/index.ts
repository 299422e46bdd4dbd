import { createI18n } from 'vue-i18n';
import { en } from './en.ts';
import { zh } from './zh.ts';

export type Language = 'zh' | 'en';

export const i18n = createI18n({ legacy: false, locale: 'zh', fallbackLocale: 'zh', messages: { zh, en } });

export const setLanguage = (language: Language): void => {
  i18n.global.locale.value = language;
};

/** The words of a `{zh, en}` pair in the language that is shown. */
export const words = (pair: { zh: string; en: string }): string => pair[i18n.global.locale.value as Language];

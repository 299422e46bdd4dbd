import { createI18n } from 'vue-i18n';

export type Language = 'zh' | 'en';

/** Chinese first; each entry adds its own messages. */
export const i18n = createI18n({ legacy: false, locale: 'zh', fallbackLocale: 'zh', messages: { zh: {}, en: {} } });

export const setLanguage = (language: Language): void => {
  i18n.global.locale.value = language;
};

/** The words of a `{zh, en}` pair in the language that is shown. */
export const words = (pair: { zh: string; en: string }): string => pair[i18n.global.locale.value as Language];

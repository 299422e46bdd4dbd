import { defineStore } from 'pinia';
import { setLanguage, type Language } from './i18n.ts';
import { read, write } from './storage.ts';

type Theme = 'light' | 'dark';
/** Dark or light, Chinese or English: kept in this browser. */
export const useAppearance = defineStore('appearance', {
  state: () => ({
    theme: (read('theme') ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')) as Theme,
    language: (read('language') ?? 'zh') as Language,
  }),
  actions: {
    apply() {
      document.documentElement.classList.toggle('dark', this.theme === 'dark');
      document.documentElement.lang = this.language === 'zh' ? 'zh-CN' : 'en';
      setLanguage(this.language);
    },
    toggleTheme() {
      this.theme = this.theme === 'dark' ? 'light' : 'dark';
      write('theme', this.theme);
      this.apply();
    },
    toggleLanguage() {
      this.language = this.language === 'zh' ? 'en' : 'zh';
      write('language', this.language);
      this.apply();
    },
  },
});

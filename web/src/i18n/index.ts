import { i18n } from '../../shared/i18n.ts';
import { en } from './en.ts';
import { zh } from './zh.ts';

export { i18n, words } from '../../shared/i18n.ts';

i18n.global.setLocaleMessage('zh', zh);
i18n.global.setLocaleMessage('en', en);

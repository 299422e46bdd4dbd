import ElementPlus from 'element-plus';
import 'element-plus/dist/index.css';
import 'element-plus/theme-chalk/dark/css-vars.css';
import { createPinia } from 'pinia';
import { createApp } from 'vue';
import App from './app.vue';
import { i18n } from './i18n/index.ts';
import { router } from './router.ts';
import { useAppearance } from '../shared/appearance.ts';
import '../shared/theme.css';

const app = createApp(App).use(createPinia()).use(i18n).use(ElementPlus);
useAppearance().apply();
app.use(router).mount('#app');

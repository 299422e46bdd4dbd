import { createRouter, createWebHistory } from 'vue-router';
import type { Permission } from '../../domain/access.ts';
import { useSession } from './stores/session.ts';

declare module 'vue-router' {
  interface RouteMeta {
    permission: Permission;
  }
}

export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: '/login', component: () => import('./pages/login.vue'), meta: { permission: 'public' } },
    { path: '/verify', component: () => import('./pages/verify.vue'), meta: { permission: 'public' } },
    {
      path: '/',
      component: () => import('./layout/shell.vue'),
      meta: { permission: 'session' },
      children: [
        { path: '', component: () => import('./pages/not-found.vue'), meta: { permission: 'session' } },
        { path: 'archives', component: () => import('./pages/archives.vue'), meta: { permission: 'archive:read' } },
        {
          path: 'archives/:archiveId',
          component: () => import('./pages/archive.vue'),
          props: true,
          meta: { permission: 'archive:read' },
        },
        { path: 'ingest', component: () => import('./pages/ingest.vue'), meta: { permission: 'batch:read' } },
        { path: 'status', component: () => import('./pages/status.vue'), meta: { permission: 'status:read' } },
        { path: 'audit', component: () => import('./pages/audit.vue'), meta: { permission: 'audit:read' } },
        { path: ':rest(.*)*', component: () => import('./pages/not-found.vue'), meta: { permission: 'session' } },
      ],
    },
  ],
});

/** The first page that this person may see. */
export function home(): string {
  const { may } = useSession();
  if (may('archive:read')) return '/archives';
  if (may('audit:read')) return '/audit';
  return '/status';
}

router.beforeEach(async (to) => {
  const session = useSession();
  if (to.path === '/verify') return true;
  await session.restore().catch(() => {});
  if (to.path === '/login') return session.user === null ? true : home();
  if (session.user === null) return { path: '/login', query: to.path === '/' ? {} : { next: to.fullPath } };
  if (to.path === '/') return home();
  return true;
});

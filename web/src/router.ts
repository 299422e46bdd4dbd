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
    { path: '/activate', component: () => import('./pages/activate.vue'), meta: { permission: 'public' } },
    { path: '/setup', component: () => import('./pages/setup.vue'), meta: { permission: 'public' } },
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
        {
          path: 'archives/:archiveId/catalog',
          component: () => import('./pages/catalog.vue'),
          props: true,
          meta: { permission: 'catalog:write' },
        },
        {
          path: 'corrections',
          component: () => import('./pages/corrections.vue'),
          meta: { permission: 'correction:decide' },
        },
        {
          path: 'catalog-queue',
          component: () => import('./pages/catalog-queue.vue'),
          meta: { permission: 'catalog:write' },
        },
        {
          path: 'catalog-templates',
          component: () => import('./pages/catalog-templates.vue'),
          meta: { permission: 'archive:content' },
        },
        {
          path: 'catalog-rebuilds',
          component: () => import('./pages/catalog-rebuilds.vue'),
          meta: { permission: 'catalog:write' },
        },
        { path: 'ingest', component: () => import('./pages/ingest.vue'), meta: { permission: 'batch:read' } },
        {
          path: 'ingest/separators',
          component: () => import('./pages/separators.vue'),
          meta: { permission: 'batch:write' },
        },
        { path: 'overlay', component: () => import('./pages/overlay.vue'), meta: { permission: 'status:read' } },
        { path: 'status', component: () => import('./pages/status.vue'), meta: { permission: 'status:read' } },
        {
          path: 'workflows',
          component: () => import('./pages/workflows.vue'),
          meta: { permission: 'workflow:read' },
        },
        { path: 'trace', component: () => import('./pages/trace.vue'), meta: { permission: 'trace:read' } },
        { path: 'workbench', component: () => import('./pages/workbench.vue'), meta: { permission: 'loan:read' } },
        { path: 'loans', component: () => import('./pages/loans.vue'), meta: { permission: 'loan:read' } },
        { path: 'loans/apply', component: () => import('./pages/loan-apply.vue'), meta: { permission: 'loan:apply' } },
        {
          path: 'loans/:loanId',
          component: () => import('./pages/loan.vue'),
          props: true,
          meta: { permission: 'loan:read' },
        },
        { path: 'loan-policy', component: () => import('./pages/loan-policy.vue'), meta: { permission: 'loan:read' } },
        { path: 'jobs', component: () => import('./pages/jobs.vue'), meta: { permission: 'loan:read' } },
        { path: 'users', component: () => import('./pages/users.vue'), meta: { permission: 'account:read' } },
        {
          path: 'departments',
          component: () => import('./pages/departments.vue'),
          meta: { permission: 'account:read' },
        },
        { path: 'deputies', component: () => import('./pages/deputies.vue'), meta: { permission: 'role:write' } },
        { path: 'account', component: () => import('./pages/account.vue'), meta: { permission: 'session' } },
        { path: ':rest(.*)*', component: () => import('./pages/not-found.vue'), meta: { permission: 'session' } },
      ],
    },
  ],
});

/** The first page that this person may see. */
export function home(): string {
  const { may, answer } = useSession();
  if (answer?.mustEnrolTotp) return '/account';
  if (may('loan:read')) return '/workbench';
  if (may('archive:read')) return '/archives';
  if (may('trace:read')) return '/trace';
  if (may('status:read')) return '/status';
  return '/account';
}

router.beforeEach(async (to) => {
  const session = useSession();
  if (['/verify', '/activate', '/setup'].includes(to.path)) return true;
  await session.restore().catch(() => {});
  if (to.path === '/login') return session.user === null ? true : home();
  if (session.user === null) return { path: '/login', query: to.path === '/' ? {} : { next: to.fullPath } };
  if (to.path === '/' || (session.answer?.mustEnrolTotp && to.path !== '/account')) return home();
  return true;
});

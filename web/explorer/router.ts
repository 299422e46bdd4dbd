import { createRouter, createWebHistory } from 'vue-router';
import BlockPage from './pages/block.vue';
import BlocksPage from './pages/blocks.vue';
import CheckpointsPage from './pages/checkpoints.vue';
import ComparePage from './pages/compare.vue';
import EvidencePage from './pages/evidence.vue';
import MembersPage from './pages/members.vue';
import NoPagePage from './pages/no-page.vue';
import OverviewPage from './pages/overview.vue';
import RecordsPage from './pages/records.vue';
import SearchPage from './pages/search.vue';
import TransactionPage from './pages/transaction.vue';
import TransactionsPage from './pages/transactions.vue';
import VerifyPage from './pages/verify.vue';

/** All pages come at once: one that is opened after its node has stopped still says so. */
export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: '/', component: OverviewPage },
    { path: '/blocks', component: BlocksPage },
    { path: '/blocks/:height(\\d+)', component: BlockPage, props: true },
    { path: '/tx', component: TransactionsPage },
    { path: '/tx/:txId', component: TransactionPage, props: true },
    { path: '/records', component: RecordsPage },
    { path: '/members', component: MembersPage },
    { path: '/checkpoints', component: CheckpointsPage },
    { path: '/evidence', component: EvidencePage },
    { path: '/search', component: SearchPage },
    { path: '/compare', component: ComparePage },
    { path: '/verify', component: VerifyPage },
    { path: '/:rest(.*)*', component: NoPagePage },
  ],
});

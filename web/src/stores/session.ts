import { defineStore } from 'pinia';
import type { Permission } from '../../../domain/access.ts';
import { ApiError, call, setCsrf } from '../client/call.ts';
import type { SessionAnswer } from '../client/types.ts';

/** Who is logged in here. */
export const useSession = defineStore('session', {
  state: () => ({ answer: null as SessionAnswer | null, asked: false }),
  getters: {
    user: (state) => state.answer?.user ?? null,
    member: (state) => state.answer?.member ?? null,
    may: (state) => (permission: Permission) =>
      permission === 'public' ||
      permission === 'session' ||
      (state.answer?.user.permissions.includes(permission) ?? false),
  },
  actions: {
    take(answer: SessionAnswer | null) {
      this.answer = answer;
      this.asked = true;
      setCsrf(answer?.csrf ?? '');
    },
    /** Asks the server once whether the cookie still holds. */
    async restore() {
      if (this.asked) return;
      try {
        this.take(await call<SessionAnswer>('GET', '/session'));
      } catch (error) {
        if (error instanceof ApiError && error.problem.code === 'login-required') this.take(null);
        else throw error;
      }
    },
    async login(username: string, password: string, code?: string) {
      this.take(await call<SessionAnswer>('POST', '/session', { username, password, ...(code && { code }) }));
    },
    async refresh() {
      this.take(await call<SessionAnswer>('GET', '/session'));
    },
    async logout() {
      await call('DELETE', '/session').catch(() => {});
      this.take(null);
    },
  },
});

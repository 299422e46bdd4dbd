import { defineStore } from 'pinia';
import { call } from '../client/call.ts';
import type { LoanCounts, Notice } from '../client/types.ts';
import { useSession } from './session.ts';

const KINDS = ['loans', 'notices', 'jobs', 'corrections', 'batches', 'workflows'] as const;
export type Kind = (typeof KINDS)[number];
/** What is asked for again now and then, should a message have been lost. */
const POLL_MS = 60_000;
let source: EventSource | null = null;
let timer: number | undefined;
const listeners = new Map<Kind, Set<() => void>>();

/** What changes while a page is open: told by the server, asked for again. */
export const useLive = defineStore('live', {
  state: () => ({ counts: null as LoanCounts | null, notices: [] as Notice[], unread: 0 }),
  actions: {
    /** Calls back whenever something of this kind has changed; gives what ends it. */
    on(kind: Kind, run: () => void): () => void {
      const known = listeners.get(kind) ?? new Set();
      listeners.set(kind, known.add(run));
      return () => known.delete(run);
    },
    start() {
      this.stop();
      void this.refresh('loans');
      void this.refresh('notices');
      source = new EventSource('/api/v1/events');
      for (const kind of KINDS)
        source.addEventListener(kind, () => {
          void this.refresh(kind);
          for (const run of listeners.get(kind) ?? []) run();
        });
      source.addEventListener('ended', () => {
        this.stop();
        useSession().take(null);
        location.assign('/login');
      });
      timer = window.setInterval(() => {
        void this.refresh('loans');
        void this.refresh('notices');
        for (const known of listeners.values()) for (const run of known) run();
      }, POLL_MS);
    },
    stop() {
      source?.close();
      source = null;
      window.clearInterval(timer);
    },
    /** What a page that has no answer now shows is what it showed before. */
    async refresh(kind: Kind) {
      const background = { isBackground: true };
      try {
        if (kind === 'loans' && useSession().may('loan:read'))
          this.counts = await call<LoanCounts>('GET', '/loans/counts', undefined, background);
        if (kind === 'notices') {
          const answer = await call<{ items: Notice[]; unread: number }>('GET', '/notices', undefined, background);
          this.notices = answer.items;
          this.unread = answer.unread;
        }
      } catch {
        // asked again at the next change, and every minute
      }
    },
  },
});

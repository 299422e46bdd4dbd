import { defineStore } from 'pinia';
import { ask } from './ask.ts';
import type { BlockNotice, Member, Status } from './types.ts';

const STATUS_EVERY_MS = 4000;
const MIN_PAUSE_MS = 500;
const MAX_PAUSE_MS = 8000;
const MAX_LATEST = 12;

/** The node that serves this page: how it stands, its members, and its blocks as they come. */
export const useNode = defineStore('node', {
  state: () => ({
    status: null as Status | null,
    members: [] as Member[],
    /** When the status was last heard, ms. */
    heardAt: 0,
    /** Whether blocks come as they are made; if not, since when they do not. */
    isLive: false,
    stoppedAt: 0,
    /** The newest blocks that were told, newest first. */
    latest: [] as BlockNotice[],
    pauseMs: MIN_PAUSE_MS,
  }),
  getters: {
    nameOf:
      ({ members }) =>
      (memberId: string): string =>
        members.find((member) => member.memberId === memberId)?.name ?? memberId,
    lag: ({ status }) => (status === null ? 0 : Math.max(0, status.highest - status.height)),
    /** Other nodes that this one offers for comparison. */
    others: ({ status }) => status?.others ?? [],
  },
  actions: {
    follow() {
      void this.poll();
      this.subscribe();
      addEventListener('online', () => this.load());
    },
    async poll() {
      await this.load();
      setTimeout(() => void this.poll(), STATUS_EVERY_MS);
    },
    async load() {
      const [status, members] = await Promise.all([ask<Status>('/v1/status'), ask<Member[]>('/v1/members')]);
      if (members.kind === 'found') this.members = members.value;
      if (status.kind !== 'found') return this.stopped();
      this.status = status.value;
      this.heardAt = Date.now();
    },
    stopped() {
      if (this.isLive || this.stoppedAt === 0) this.stoppedAt = Date.now();
      this.isLive = false;
    },
    subscribe() {
      const socket = new WebSocket(`${location.origin.replace(/^http/, 'ws')}/v1/subscribe`);
      socket.onopen = () => {
        this.isLive = true;
        this.pauseMs = MIN_PAUSE_MS;
        void this.load();
      };
      socket.onmessage = ({ data }) => this.onBlock(JSON.parse(data as string) as BlockNotice);
      socket.onclose = () => {
        this.stopped();
        setTimeout(() => this.subscribe(), this.pauseMs);
        this.pauseMs = Math.min(2 * this.pauseMs, MAX_PAUSE_MS);
      };
    },
    onBlock(block: BlockNotice) {
      this.latest = [block, ...this.latest].slice(0, MAX_LATEST);
      if (this.status === null || block.height <= this.status.height) return;
      this.status.height = block.height;
      this.status.highest = Math.max(this.status.highest, block.height);
      this.status.headTime = new Date(block.timeMs).toISOString();
      this.heardAt = Date.now();
    },
  },
});

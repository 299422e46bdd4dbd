import type { Permission, Role } from '../../../domain/access.ts';
import type { AttestationState, BatchState, PartState } from '../../../domain/status.ts';
import type { TimelineStep } from '../../../domain/timeline.ts';

export interface SessionAnswer {
  user: { username: string; displayName: string; roles: Role[]; permissions: Permission[] };
  csrf: string;
  member: { memberId: string; name: string };
}

export interface Archive {
  archiveId: string;
  patientNo: string;
  visitNo: string;
  patientName: string;
  department: string;
  admittedAt?: string;
  dischargedAt: string;
  currentVersion: number;
  state: AttestationState;
  pageCount: number;
  attestedAt?: string;
  updatedAt: string;
}

export interface ArchiveDetail extends Archive {
  versions: {
    version: number;
    state: AttestationState;
    reason?: string;
    createdAt: string;
    pages: number;
    bytes?: number;
    height?: number;
    txId?: string;
  }[];
  catalog: { type: string; title: string; firstPage: number; pageCount: number }[];
}

export interface Page<T> {
  items: T[];
  nextCursor: string | null;
}

export interface Batch {
  batchId: string;
  archiveId: string;
  scannerId?: string;
  state: BatchState;
  createdAt: string;
  version?: number;
  parts: {
    partNo: number;
    fileName: string;
    mediaType: string;
    bytes: number;
    pageCount: number;
    state: PartState;
    refusal?: { code: string; field: string; reason: string };
  }[];
}

export interface Timeline {
  steps: TimelineStep[];
}

export interface Status {
  at: string;
  services: Record<string, { state: 'ok' | 'degraded' | 'down'; detail: Record<string, unknown> }>;
  backlog: { outbox: number; batches: number };
}

export interface AuditPage {
  items: {
    seq: number;
    at: string;
    actor: { type: string; id: string };
    action: string;
    object: { type: string; id: string };
    result: 'allowed' | 'denied' | 'failed';
    hash: string;
  }[];
  nextBefore: number | null;
}

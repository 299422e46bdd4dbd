import { reactive } from 'vue';
import type { Answer, Missing } from '../client/answers.ts';
import { ask } from '../client/ask.ts';
import { BOM, csvLine } from './csv.ts';
import type { Row } from './rows.ts';
import { save } from '../../shared/save.ts';

export interface ExportJob {
  state: 'idle' | 'running' | 'done' | 'cancelled' | 'failed';
  rows: number;
  /** 0 to 1. */
  fraction: number;
  missing: Missing | null;
}

export interface ExportRequest<T> {
  /** The first page; the others follow by their links. */
  path: string;
  toRow(item: T): Row;
  /** How far a page is, by the link to the next. */
  fractionAt(next: string): number;
  fileName: string;
}

/** Fetches all rows that a list has, page by page, not only those on the screen, and saves them. */
export function useExport() {
  const job = reactive<ExportJob>({ state: 'idle', rows: 0, fraction: 0, missing: null });
  let abort: AbortController | undefined;

  async function collect<T>(
    { path, toRow, fractionAt }: ExportRequest<T>,
    take: (row: Row) => void,
  ): Promise<Missing | null> {
    for (let next: string | null = path; next !== null;) {
      const answer: Answer<T[]> = await ask<T[]>(next, '', abort!.signal);
      if (answer.kind !== 'found') return answer;
      for (const item of answer.value) take(toRow(item));
      job.rows += answer.value.length;
      ({ next } = answer);
      job.fraction = next === null ? 1 : Math.min(fractionAt(next), 1);
    }
    return null;
  }

  async function run<T>(format: 'csv' | 'json', request: ExportRequest<T>): Promise<void> {
    abort = new AbortController();
    Object.assign(job, { state: 'running', rows: 0, fraction: 0, missing: null });
    const parts: string[] = [];
    const take = (row: Row) => {
      if (format === 'json') return void parts.push(parts.length === 0 ? '[\n' : ',\n', JSON.stringify(row));
      if (parts.length === 0) parts.push(BOM, csvLine(Object.keys(row)));
      parts.push(csvLine(Object.values(row)));
    };
    try {
      job.missing = await collect(request, take);
    } catch {
      job.state = 'cancelled'; // only its own signal makes it throw
      return;
    }
    if (job.missing !== null) return void (job.state = 'failed');
    if (format === 'json') parts.push(parts.length === 0 ? '[]\n' : '\n]\n');
    save(parts, format === 'csv' ? 'text/csv;charset=utf-8' : 'application/json', `${request.fileName}.${format}`);
    job.state = 'done';
  }

  return { job, run, cancel: () => abort?.abort() };
}

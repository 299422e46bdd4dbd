import { readFileSync } from 'node:fs';
import { statFields } from '../ops/launch/part.ts';

const TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4096;

/** Seconds of processor that a process has used (proc(5): utime + stime). Throws if it is no more. */
export function processorSeconds(pid: number): number {
  const fields = statFields(pid);
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Resident memory of a process now (proc(5), statm). Throws if it is no more. */
export function rssMib(pid: number): number {
  return (Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * PAGE_BYTES) / 2 ** 20;
}

/** Of that what is the process's own, MiB: heap and stacks, but no pages of files that it has mapped (proc(5), status). Throws if it is no more. */
export function anonymousMib(pid: number): number {
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;
}

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export interface PartOptions {
  name: string;
  command: string;
  args: readonly string[];
  env?: NodeJS.ProcessEnv;
  /** Folder for NAME.log and NAME.pid. */
  runDir: string;
  /** Resolves true when it answers; asked again until then. */
  ready: () => Promise<boolean>;
  readyWithinMs?: number;
  /** Sent to end it; a part that does not end within `stopWithinMs` is killed. */
  stopSignal?: NodeJS.Signals;
  stopWithinMs?: number;
}

const POLL_MS = 100;
const FIRST_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 10_000;

/** The fields of /proc/PID/stat from the third on (proc(5)): the second, its name, may hold anything. Throws if there is no such process. */
export function statFields(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** When the process with this id began, in clock ticks since boot (proc(5), field 22); null if there is none. Tells a process from a later one with its id. */
export function startTicks(pid: number): string | null {
  try {
    return statFields(pid)[19] ?? null;
  } catch {
    return null;
  }
}

/** One process that we start, watch, start again when it dies, and end. */
export class Part {
  #child: ChildProcess | undefined;
  #stopping = false;
  #backoff = FIRST_BACKOFF_MS;
  #exited: Promise<void> = Promise.resolve();
  restarts = 0;

  constructor(readonly options: PartOptions) {}

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get isRunning(): boolean {
    const child = this.#child;
    return child?.pid !== undefined && child.exitCode === null && child.signalCode === null;
  }

  get #pidFile(): string {
    return path.join(this.options.runDir, `${this.options.name}.pid`);
  }

  /** Starts it and waits until it answers; throws with the end of its log if it does not. */
  async start(): Promise<void> {
    mkdirSync(this.options.runDir, { recursive: true });
    this.#stopping = false;
    this.#spawn();
    await this.waitReady();
  }

  async waitReady(): Promise<void> {
    const { name, ready, readyWithinMs = 60_000 } = this.options;
    const until = Date.now() + readyWithinMs;
    while (Date.now() < until && !this.#stopping) {
      if (await ready().catch(() => false)) return;
      await delay(POLL_MS);
    }
    throw new Error(`${name} did not become ready; the end of its log:\n${this.logTail()}`);
  }

  logTail(): string {
    const log = path.join(this.options.runDir, `${this.options.name}.log`);
    return existsSync(log) ? readFileSync(log, 'utf8').slice(-2000) : '';
  }

  /** Ends it and does not start it again. */
  async stop(signal: NodeJS.Signals = this.options.stopSignal ?? 'SIGTERM'): Promise<void> {
    this.#stopping = true;
    const child = this.#child;
    if (child === undefined || !this.isRunning) return;
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), this.options.stopWithinMs ?? 15_000);
    await this.#exited;
    clearTimeout(timer);
  }

  #spawn(): void {
    const { name, command, args, env, runDir } = this.options;
    const log = openSync(path.join(runDir, `${name}.log`), 'a');
    const child = spawn(command, args, { env: env ?? process.env, stdio: ['ignore', log, log], detached: true });
    closeSync(log);
    try {
      if (child.pid !== undefined)
        writeFileSync(this.#pidFile, JSON.stringify({ pid: child.pid, started: startTicks(child.pid) }));
    } catch (error) {
      // Nobody would know of it.
      child.kill('SIGKILL');
      throw error;
    }
    this.#child = child;
    this.#exited = new Promise((done) => {
      child.once('error', () => done());
      child.once('exit', () => done());
    });
    const began = Date.now();
    void this.#exited.then(() => this.#again(began));
  }

  /** Starts it anew, unless it was ended; what hinders that, as a full disk does, may be over later. */
  async #again(began: number): Promise<void> {
    if (this.#stopping) return rmSync(this.#pidFile, { force: true });
    if (Date.now() - began > 60_000) this.#backoff = FIRST_BACKOFF_MS;
    for (;;) {
      await delay(this.#backoff);
      this.#backoff = Math.min(2 * this.#backoff, MAX_BACKOFF_MS);
      if (this.#stopping) return;
      try {
        this.#spawn();
        this.restarts += 1;
        return;
      } catch (error) {
        console.error(`${this.options.name} could not be started again: ${(error as Error).message}`);
      }
    }
  }
}

/** Ends what an earlier run that was killed left behind: only processes whose id and start time are those we wrote down. */
export async function endLeftovers(runDir: string, pidFiles: readonly string[]): Promise<number> {
  let ended = 0;
  for (const file of pidFiles) {
    const where = path.join(runDir, file);
    const { pid, started } = JSON.parse(readFileSync(where, 'utf8')) as { pid: number; started: string | null };
    if (started !== null && startTicks(pid) === started) {
      process.kill(pid, 'SIGTERM');
      for (let i = 0; i < 100 && startTicks(pid) === started; i += 1) await delay(POLL_MS);
      if (startTicks(pid) === started) process.kill(pid, 'SIGKILL');
      ended += 1;
    }
    rmSync(where, { force: true });
  }
  return ended;
}

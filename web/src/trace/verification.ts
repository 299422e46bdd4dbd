import { ref, shallowRef } from 'vue';
import type { TraceFinding } from '../../../verifier/index.ts';
import { ApiError, csrfToken, type Problem } from '../client/call.ts';

export type ShownFinding = TraceFinding & { row: Record<string, unknown> | null };
export interface NodesAnswer {
  nodes: { memberId: string; state: 'agrees' | 'differs' | 'behind' | 'silent'; height?: number }[];
  needed: number;
  batches: number;
  attestedTo: number;
}
type Line =
  | ({ type: 'nodes' } & NodesAnswer)
  | { type: 'progress'; checked: number; total: number }
  | ({ type: 'finding' } & ShownFinding)
  | { type: 'done'; checked: number; findings: number; attestedTo: number }
  | { type: 'broken'; code: string; detail: { zh: string; en: string } };

async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Line> {
  const reader = body.pipeThrough(new TextDecoderStream() as never).getReader() as ReadableStreamDefaultReader<string>;
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split('\n');
    rest = lines.pop()!;
    for (const line of lines) if (line !== '') yield JSON.parse(line) as Line;
  }
}

/** One run of 核验全部留痕: its progress, what it found, and how it ended. */
export function useVerification() {
  const state = ref<'none' | 'running' | 'done' | 'stopped' | 'broken'>('none');
  const progress = ref({ checked: 0, total: 0 });
  const nodes = shallowRef<NodesAnswer | null>(null);
  const findings = shallowRef<ShownFinding[]>([]);
  const done = shallowRef<{ checked: number; findings: number; attestedTo: number } | null>(null);
  const failure = shallowRef<unknown>(null);
  let abort: AbortController | null = null;

  function take(line: Line): void {
    if (line.type === 'nodes') nodes.value = line;
    else if (line.type === 'progress') progress.value = line;
    else if (line.type === 'finding') findings.value = [...findings.value, line];
    else if (line.type === 'done') done.value = line;
    else throw new ApiError({ status: 500, ...line });
  }

  async function run(): Promise<void> {
    abort = new AbortController();
    [state.value, progress.value, nodes.value] = ['running', { checked: 0, total: 0 }, null];
    [findings.value, done.value, failure.value] = [[], null, null];
    try {
      const response = await fetch('/api/v1/trace/verification', {
        method: 'POST',
        headers: { 'X-CSRF-Token': csrfToken() },
        signal: abort.signal,
      });
      if (!response.ok) throw new ApiError((await response.json()) as Problem);
      for await (const line of linesOf(response.body!)) take(line);
      state.value = done.value === null ? 'broken' : 'done';
    } catch (error) {
      const isStopped = abort.signal.aborted;
      state.value = isStopped ? 'stopped' : 'broken';
      if (!isStopped) failure.value = error;
    }
  }
  return { state, progress, nodes, findings, done, failure, run, stop: () => abort?.abort() };
}

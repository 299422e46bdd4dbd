import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { sm3 } from '../../platform/crypto/index.ts';
import { type ApiClient, ApiProblem } from './client.ts';
import type { ScannedVisit } from './scan-folder.ts';

export interface Outcome {
  batchId: string;
  archiveId: string;
  /** `parked`: the hospital has all of it, and waits for the discharge. */
  state: 'attested' | 'duplicate' | 'refused' | 'parked' | 'withdrawn';
  refused: { fileName: string; code: string; reason: string }[];
}

export interface BatchAnswer {
  batchId: string;
  archiveId: string;
  state: string;
  parts: {
    partNo: number;
    fileName: string;
    state: string;
    refusal?: { code: string; field: string; reason: string };
  }[];
}

const AT_ONCE = 4;
const POLL_MS = 300;

async function eachOf<T>(items: readonly T[], run: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await run(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** The same files are the same batch, so a second run goes on with the first one's. */
const batchIdOf = ({ patientNo, visitNo, patientName, files }: ScannedVisit) =>
  `scan-${sm3(Buffer.from([patientNo, visitNo, patientName, ...files.map((file) => file.sm3)].join('\0')))
    .toString('hex')
    .slice(0, 32)}`;

/** Sends one visit as a scan station does: register, upload each file, commit. `onBytes` is told what went out. */
export async function sendVisit(
  client: ApiClient,
  visit: ScannedVisit,
  onBytes: (bytes: number) => void = () => {},
  options: { reason?: string; scannerId?: string } = {},
): Promise<BatchAnswer> {
  const { files, ...fields } = visit;
  const batchId = batchIdOf(visit);
  const parts = files.map(({ location: _where, ...file }, i) => ({ ...file, partNo: i + 1 }));
  const inHospital = fields.dischargedAt === undefined ? { inHospital: true } : {};
  const said = { ...fields, ...inHospital, documentsComplete: true, ...options };
  const registration = { batchId, scannerId: 'scanner', ...said, parts };
  const batch = await client.call<BatchAnswer>('POST', '/api/v1/batches', registration);
  const missing = batch.parts.filter(({ state }) => state === 'expected' || state === 'receiving');
  for (const { partNo } of batch.parts)
    if (!missing.some((part) => part.partNo === partNo)) onBytes(files[partNo - 1]!.bytes);
  if (batch.state === 'duplicate' || batch.state === 'withdrawn') return batch;
  await eachOf(missing, async ({ partNo }) => {
    let sent = 0;
    try {
      await client.upload(batchId, partNo, readFileSync(files[partNo - 1]!.location), (now) => {
        onBytes(now - sent);
        sent = now;
      });
    } catch (error) {
      // The file is refused and the batch says so; its neighbours go on.
      if (!(error instanceof ApiProblem) || error.status >= 500) throw error;
    }
  });
  return client.call<BatchAnswer>('POST', `/api/v1/batches/${batchId}/commit`);
}

/** What became of a batch; null while it is under way. */
export async function outcomeOf(client: ApiClient, { batchId, archiveId }: BatchAnswer): Promise<Outcome | null> {
  const batch = await client.call<BatchAnswer>('GET', `/api/v1/batches/${batchId}`);
  const refused = batch.parts.flatMap(({ fileName, refusal }) =>
    refusal === undefined ? [] : [{ fileName, code: refusal.code, reason: refusal.reason }],
  );
  const { state } = batch;
  if (state === 'duplicate' || state === 'refused' || state === 'parked' || state === 'withdrawn')
    return { batchId, archiveId, state, refused };
  const archive = await client.call<{ state: string }>('GET', `/api/v1/archives/${archiveId}`);
  const isAttested = ['archived', 'partlyFailed'].includes(batch.state) && archive.state === 'attested';
  return isAttested ? { batchId, archiveId, state: 'attested', refused } : null;
}

/** Waits until the batch has come to an end. */
export async function waitForEnd(client: ApiClient, batch: BatchAnswer): Promise<Outcome> {
  for (;;) {
    const outcome = await outcomeOf(client, batch);
    if (outcome !== null) return outcome;
    await delay(POLL_MS);
  }
}

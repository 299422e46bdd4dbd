import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { ApiClient } from '../ingest/client.ts';
import { scanFolder } from '../ingest/scan-folder.ts';
import { sendVisit, waitForEnd } from '../ingest/send.ts';
import { scanOf } from './scans.ts';

const DEPARTMENTS = ['心内科', '骨科', '妇产科', '呼吸科', '普外科'];
const NAMES = ['方若晴', '韩子安', '沈立夏', '陆明远', '白思齐', '秦知远'];
const SHEETS = ['病案首页', '入院记录', '病程记录', '长期医嘱', '检验报告', '检查报告', '护理记录', '手术同意书'];

/** Sends made-up visits through the member's own public api, as its scanner would, and waits until they are attested. */
export async function loadSamples(
  client: ApiClient,
  { memberId, name }: { memberId: string; name: string },
  visits: number,
  say: (text: string) => void,
): Promise<void> {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'sealfolio-samples-'));
  try {
    for (let i = 0; i < visits; i += 1) {
      const folder = path.join(dir, `${i}`);
      mkdirSync(folder);
      const seed = memberId.charCodeAt(2) * 1000 + i * 10;
      const sheets = SHEETS.slice(0, 4 + ((memberId.charCodeAt(2) + 3 * i) % 5));
      for (const [n, sheet] of sheets.entries())
        writeFileSync(path.join(folder, `${n + 1} ${sheet}.jpg`), await scanOf(sheet, name, seed + n));
      const discharged = new Date(Date.UTC(2026, 10, 20 - 3 * i, 2, 30));
      const visit = {
        patientNo: `${memberId.toUpperCase()}${100_234 + 17 * i}`,
        visitNo: '1',
        patientName: NAMES[(seed / 10) % NAMES.length]!,
        department: DEPARTMENTS[i % DEPARTMENTS.length]!,
        admittedAt: new Date(discharged.getTime() - 6 * 86_400_000).toISOString(),
        dischargedAt: discharged.toISOString(),
      };
      writeFileSync(path.join(folder, 'visit.json'), JSON.stringify(visit));
    }
    const batches = [];
    for (const visit of await scanFolder(dir)) batches.push(await sendVisit(client, visit));
    for (const [i, batch] of batches.entries()) {
      await waitForEnd(client, batch);
      say(`${name}: ${i + 1} of ${batches.length} sample archives attested`);
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

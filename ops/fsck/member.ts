import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { cardOf } from '../../platform/card/index.ts';
import type { MemberConfig } from '../../platform/config/schemas.ts';
import { createSm3, sm2, sm3 } from '../../platform/crypto/index.ts';
import { readTrust } from '../../platform/ledger/trust.ts';
import {
  type Archive,
  type ArchiveVersion,
  openStore,
  type OutboxItem,
  type Store,
} from '../../platform/store/index.ts';
import { verifyReceipt } from '../../verifier/index.ts';
import type { Finding } from './finding.ts';
import type { LedgerRecordSeen } from './ledger.ts';

async function digest(source: Readable): Promise<{ bytes: number; sm3: string; sha256: string }> {
  const [own, exported] = [createSm3(), createHash('sha256')];
  let bytes = 0;
  for await (const piece of source as AsyncIterable<Buffer>) {
    own.update(piece);
    exported.update(piece);
    bytes += piece.length;
  }
  return { bytes, sm3: own.digest('hex'), sha256: exported.digest('hex') };
}

/**
 * Checks one member's database against its card and the ledger, reading only: every stored object opens and is what
 * was announced; every attested version has a receipt that holds, and is on the ledger once; the audit chain is whole.
 */
export async function checkMember(config: MemberConfig, records: readonly LedgerRecordSeen[]): Promise<Finding[]> {
  const card = cardOf(config.card);
  const store = await openStore(config.mongo, card, { readOnly: true });
  try {
    const findings: Finding[] = [];
    const find = (where: string, reason: string) => findings.push({ where: `${config.memberId} ${where}`, reason });
    await checkVersions(store, config, records, find);
    const broken = await store.audit.firstBroken();
    if (broken !== null) find(`audit entry ${broken}`, 'not what was written');
    const stuck = await store.models.OutboxItem.find({ state: { $ne: 'final' } }).lean<OutboxItem[]>();
    for (const { archiveId, version } of stuck) find(`${archiveId} v${version}`, 'waits in the outbox');
    return findings;
  } finally {
    await store.close();
    card.close();
  }
}

async function checkVersions(
  { models, objects }: Store,
  { memberId, ledger }: MemberConfig,
  records: readonly LedgerRecordSeen[],
  find: (where: string, reason: string) => void,
): Promise<void> {
  const trust = readTrust(ledger.trustFile);
  const crypto = { sm3, sm2Verify: sm2.verify.bind(sm2) };
  const onLedger = new Map<string, number>();
  for (const record of records)
    if (record.sender === memberId) onLedger.set(record.digest, (onLedger.get(record.digest) ?? 0) + 1);
  for await (const version of models.ArchiveVersion.find().sort({ archiveId: 1, version: 1 }).lean<ArchiveVersion>()) {
    const where = `${version.archiveId} v${version.version}`;
    for (const { objectId, sm3: announced } of version.documents)
      try {
        if ((await digest(await objects.read(objectId))).sm3 !== announced)
          find(where, `original ${objectId} is not what came in`);
      } catch (error) {
        find(where, `original ${objectId}: ${(error as Error).message}`);
      }
    if (version.package === undefined) {
      find(where, 'has no package');
      continue;
    }
    try {
      const file = await digest(await objects.read(version.package.objectId));
      if (version.receipt === undefined) find(where, 'has no receipt');
      else {
        const { verdict, failed } = verifyReceipt(version.receipt, file, trust, crypto);
        if (verdict !== 'valid') find(where, `receipt is ${verdict}: ${failed}`);
      }
    } catch (error) {
      find(where, `package: ${(error as Error).message}`);
    }
    const item = await models.OutboxItem.findOne({
      archiveId: version.archiveId,
      version: version.version,
    }).lean<OutboxItem>();
    const times = item === null ? 0 : (onLedger.get(item.digest) ?? 0);
    if (times !== 1) find(where, `is on the ledger ${times} times`);
  }
  const open = await models.Archive.find({ currentVersion: { $gt: 0 }, state: { $ne: 'attested' } }).lean<Archive[]>();
  for (const { archiveId, state } of open) find(archiveId, `is ${state}`);
}

import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { AttestationManifest } from '../../domain/attestation.ts';
import { createSm3, jcs, sm2, sm3 } from '../../platform/crypto/index.ts';
import type { Archive, ArchiveVersion, OutboxItem, Store } from '../../platform/store/index.ts';
import { type Trust, verifyReceipt } from '../../verifier/index.ts';
import { isSignedByOneOf } from './keys.ts';
import type { CheckedChain } from './ledger.ts';

type Find = (where: string, reason: string) => void;

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

/** What of a version is not what its receipt attests. */
function* unattested(
  { archiveId, version, documents, catalog }: ArchiveVersion,
  manifest: AttestationManifest,
): Generator<string> {
  if (manifest.archiveId !== archiveId || manifest.version !== version) yield 'receipt is of another version';
  const came = documents.map(({ documentType: type, mediaType, bytes, pages, sm3: announced }) => ({
    type,
    mediaType,
    bytes,
    pages: pages.length,
    sm3: announced,
  }));
  if (jcs(came) !== jcs(manifest.documents)) yield 'documents are not those that were attested';
  const { templateId, templateVersion } = catalog;
  const shown = { templateId, templateVersion, sm3: sm3(Buffer.from(jcs(catalog))).toString('hex') };
  if (jcs(shown) !== jcs(manifest.catalog)) yield 'catalogue is not the one that was attested';
}

/**
 * Every version against its stored objects and the ledger: each original opens and is what came in; the package has a
 * receipt that holds, and which attests these documents and this catalogue; the catalogue is signed by a key that the
 * member had when it was attested, or before; the version is on the ledger once.
 */
export async function checkVersions(
  { models, objects }: Pick<Store, 'models' | 'objects'>,
  memberId: string,
  trust: Trust,
  { records, keys }: Pick<CheckedChain, 'records' | 'keys'>,
  find: Find,
): Promise<void> {
  const crypto = { sm3, sm2Verify: sm2.verify.bind(sm2) };
  const own = keys.filter((key) => key.memberId === memberId);
  const onLedger = new Map<string, number[]>();
  for (const { sender, digest: recorded, height } of records)
    if (sender === memberId) onLedger.set(recorded, [...(onLedger.get(recorded) ?? []), height]);
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
        else {
          const { manifest } = JSON.parse(version.receipt) as { manifest: AttestationManifest };
          for (const fault of unattested(version, manifest)) find(where, fault);
        }
      }
    } catch (error) {
      find(where, `package: ${(error as Error).message}`);
    }
    const item = await models.OutboxItem.findOne({
      archiveId: version.archiveId,
      version: version.version,
    }).lean<OutboxItem>();
    const heights = item === null ? [] : (onLedger.get(item.digest) ?? []);
    if (heights.length !== 1) find(where, `is on the ledger ${heights.length} times`);
    if (!isSignedByOneOf(own, heights[0], Buffer.from(jcs(version.catalog)), version.catalogSignature))
      find(where, 'catalogue is not signed');
  }
  const open = await models.Archive.find({ currentVersion: { $gt: 0 }, state: { $ne: 'attested' } }).lean<Archive[]>();
  for (const { archiveId, state } of open) find(archiveId, `is ${state}`);
}

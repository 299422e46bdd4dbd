import { randomBytes } from 'node:crypto';
import { heartbeat } from '@temporalio/activity';
import { ATTEST_TAG, type AttestationManifest, KEY_TAG, SALT_BYTES } from '../domain/attestation.ts';
import { buildCatalog, type DocumentType, extendCatalog, missingBranches } from '../domain/catalog.ts';
import { isSealfolioError, SealfolioError } from '../domain/errors.ts';
import { checkText } from '../domain/front-page/quality.ts';
import { AttestationState, BatchState, PartState } from '../domain/status.ts';
import { jcs, sm2, sm3, taggedSm3 } from '../platform/crypto/index.ts';
import { inspect } from '../platform/ofd/inspect.ts';
import type { MediaType } from '../platform/ofd/media.ts';
import { packOfd, type PackagePage } from '../platform/ofd/package.ts';
import { pageFormat, pageImage } from '../platform/ofd/render.ts';
import {
  type Archive,
  type ArchiveVersion,
  type Batch,
  catalogDigest,
  completenessBy,
  frontPageChecks,
  keepFrontPage,
  latestCatalog,
  type Part,
  recountSuggestions,
  templateFor,
  type VersionDocument,
} from '../platform/store/index.ts';
import type { AskedFrontPage } from '../workflows/shared.ts';
import type { ActivityDeps } from './deps.ts';

interface BatchesOf {
  archiveId: string;
  batchIds: string[];
}

interface VersionOf {
  archiveId: string;
  version: number;
}

/** Files of a batch that are looked into side by side. */
const CHECKED_AT_ONCE = 3;

/** What dischargeArchivingWorkflow does to the world. Each step finds what an earlier try of it left, and goes on there. */
export function createArchivingActivities({
  memberId,
  memberName,
  store,
  keys,
  sealer,
  signals,
  classifyAfterArchiving,
}: ActivityDeps) {
  const { Archive, ArchiveVersion, Batch, OutboxItem } = store.models;

  async function versionOf({ archiveId, version }: VersionOf): Promise<ArchiveVersion> {
    const found = await ArchiveVersion.findOne({ archiveId, version }).lean<ArchiveVersion>();
    if (found === null) throw new SealfolioError('version-not-found', { archiveId, version });
    return found;
  }

  /** Looks into one file; says what became of it. One bad file does its neighbours no harm. */
  async function checkPart(part: Part): Promise<Part> {
    try {
      const { pages } = await inspect(await store.objects.readAll(part.objectId!), part.mediaType, heartbeat);
      if (pages.length !== part.pageCount)
        throw new SealfolioError('page-count-mismatch', {
          field: 'pageCount',
          reason: `announced ${part.pageCount}, has ${pages.length}`,
        });
      return { ...part, state: PartState.accepted, pages };
    } catch (error) {
      if (!isSealfolioError(error) || typeof error.data.field !== 'string') throw error;
      const { field, reason } = error.data as { field: string; reason: string };
      return { ...part, state: PartState.refused, refusal: { code: error.code, field, reason } };
    }
  }

  /** What is known of a batch stays: the word that it is committed may come again long after its end. */
  async function checkBatch(batch: Batch): Promise<Batch> {
    if (batch.state !== BatchState.checking) return batch;
    const parts: Part[] = [...batch.parts];
    const waiting = [...parts.keys()];
    const check = async () => {
      for (let i = waiting.shift(); i !== undefined; i = waiting.shift()) {
        if (parts[i]!.state === PartState.received) parts[i] = await checkPart(parts[i]!);
        heartbeat();
      }
    };
    await Promise.all(Array.from({ length: CHECKED_AT_ONCE }, check));
    const accepted = parts.filter(({ state }) => state === PartState.accepted).length;
    const state =
      accepted === parts.length
        ? BatchState.awaitingCatalog
        : accepted > 0
          ? BatchState.partlyFailed
          : BatchState.refused;
    await Batch.updateOne({ batchId: batch.batchId, state: BatchState.checking }, { $set: { parts, state } });
    return { ...batch, parts, state };
  }

  /** 首页数据 that came with a batch: checked, and kept with the result. */
  async function takeFrontPage({ archiveId, batchId, sender, frontPage }: Batch): Promise<void> {
    if (frontPage === undefined) return;
    await keepFrontPage(store, archiveId, { objectId: frontPage, by: sender, batchId });
  }

  const acceptedOf = (batches: readonly Batch[]): Part[] =>
    batches.flatMap(({ parts }) => parts.filter(({ state }) => state === PartState.accepted));

  /** Makes the sealed package of a version and stores it, encrypted. */
  async function pack(found: ArchiveVersion): Promise<void> {
    const { archiveId, version } = found;
    const documents = new Map(found.documents.map((document) => [document.objectId, document]));
    let open: { objectId: string; data: Buffer } | undefined;
    const dataOf = async (objectId: string) => {
      if (open?.objectId !== objectId) open = { objectId, data: await store.objects.readAll(objectId) };
      return open.data;
    };
    const pages = found.catalog.nodes.flatMap((node) =>
      node.pages.map(({ objectId, page }): PackagePage => {
        const { mediaType, pages: boxes } = documents.get(objectId)!;
        return {
          ...boxes[page]!,
          format: pageFormat(mediaType as MediaType),
          image: async () => pageImage(await dataOf(objectId), mediaType as MediaType, page),
        };
      }),
    );
    const contents = found.documents.map(({ documentType, mediaType, bytes, sm3: digest, pages: boxes }) => ({
      type: documentType,
      mediaType,
      bytes,
      pages: boxes.length,
      sm3: digest,
    }));
    let page = 0;
    const outlines = found.catalog.nodes.map((node) => {
      const entry = { title: node.title, page };
      page += node.pages.length;
      return entry;
    });
    const manifest = { archiveId, version, documents: contents, catalog: found.catalog };
    const packed = packOfd(
      {
        docId: taggedSm3('sealfolio/doc/1', `${archiveId}/${version}`).toString('hex').slice(0, 32),
        title: `病案 ${archiveId} 第 ${version} 版`,
        creator: memberName,
        createdAt: found.createdAt,
        pages,
        outlines,
        attachments: [{ name: 'manifest.json', data: Buffer.from(jcs(manifest)) }],
      },
      sealer,
      (done) => heartbeat({ done, of: pages.length }),
    );
    const {
      objectId,
      bytes,
      sm3: digest,
      sha256,
    } = await store.objects.write(packed, {
      kind: 'package',
      mediaType: 'application/ofd',
    });
    // The first package stays, a try beside this one may have named it to the ledger; the sweep takes the other.
    await ArchiveVersion.updateOne(
      { archiveId, version, package: { $exists: false } },
      {
        $set: {
          package: { objectId, bytes, pages: pages.length, sm3: digest, sha256 },
          state: AttestationState.signed,
        },
      },
    );
  }

  return {
    /**
     * Reads every file that came with these batches and accepts or refuses it, and takes their front pages; tells which
     * mandatory documents are missing.
     */
    async checkBatches({
      archiveId,
      batchIds,
    }: BatchesOf): Promise<{ missing: DocumentType[]; documentsComplete: boolean }> {
      const found = await Batch.find({ batchId: { $in: batchIds } }).lean<Batch[]>();
      const batches: Batch[] = [];
      for (const batch of found) {
        batches.push(await checkBatch(batch));
        await takeFrontPage(batch);
      }
      const [archive, pending] = await Promise.all([
        Archive.findOne({ archiveId }).lean<Archive>(),
        Batch.find({ archiveId, version: { $exists: false } }).lean<Batch[]>(),
      ]);
      const present = new Set([
        ...archive!.documentTypes,
        ...acceptedOf(pending).map(({ documentType }) => documentType),
      ]);
      const template = await templateFor(store.models, archive!);
      return {
        missing: missingBranches(template, [...present]),
        documentsComplete: batches.some(({ documentsComplete }) => documentsComplete),
      };
    },

    /** 首页质控: how the front page stands, and what the template of the visit makes of that. */
    async askFrontPage({ archiveId }: { archiveId: string }): Promise<AskedFrontPage> {
      const archive = (await Archive.findOne({ archiveId }).lean<Archive>())!;
      const [[last], { frontPage: policy = 'advisory' }] = await Promise.all([
        frontPageChecks(store.models, archiveId, 1),
        templateFor(store.models, archive),
      ]);
      return { state: last?.state ?? 'unchecked', policy, text: checkText(last ?? null) };
    },

    /**
     * Opens the next version with what these batches brought that no version has yet, under the template's tree, signed. Null if
     * nothing was accepted.
     */
    async buildCatalog({ archiveId, batchIds }: BatchesOf): Promise<number | null> {
      const told = await Batch.find({ batchId: { $in: batchIds } }).lean<Batch[]>();
      const batches = told.filter(({ version }) => version === undefined);
      const accepted = acceptedOf(batches);
      if (accepted.length === 0) return told.reduce((last, { version = 0 }) => Math.max(last, version), 0) || null;
      const newBatchIds = batches.map(({ batchId }) => batchId);
      const added = accepted.map((part): VersionDocument => ({
        objectId: part.objectId!,
        documentType: part.documentType,
        title: part.fileName,
        mediaType: part.mediaType,
        bytes: part.bytes,
        sm3: part.sm3,
        pages: part.pages!,
      }));
      const reason = batches.find((batch) => batch.reason !== undefined)?.reason;
      const template = await templateFor(store.models, (await Archive.findOne({ archiveId }).lean<Archive>())!);
      const signingKey = await keys.get('ledger');
      const fresh = accepted.map(({ objectId, documentType, pages, separatorFirst }) => ({
        objectId: objectId!,
        documentType,
        pageCount: pages!.length,
        separatorFirst,
      }));
      const version = await store.connection.transaction(async (session) => {
        // An edit of the last version's catalogue, and another try of this, write the archive too: one comes first, and the other sees it.
        await Archive.updateOne({ archiveId }, { $set: { updatedAt: new Date() } }, { session });
        const known = await ArchiveVersion.findOne({ archiveId, batchIds: { $all: newBatchIds } }, null, { session });
        if (known !== null) return known.version;
        const last = await ArchiveVersion.findOne({ archiveId }, null, { session })
          .sort({ version: -1 })
          .lean<ArchiveVersion>();
        const catalog =
          last === null
            ? buildCatalog(template, fresh)
            : extendCatalog(template, await latestCatalog(store.models, last, session), fresh);
        const made = {
          archiveId,
          version: (last?.version ?? 0) + 1,
          ...(reason !== undefined && { reason }),
          batchIds: newBatchIds,
          documents: [...(last?.documents ?? []), ...added],
          catalog,
          catalogSignature: sm2.sign(signingKey, Buffer.from(jcs(catalog))).toString('hex'),
          state: AttestationState.pending,
          createdAt: new Date(),
        };
        await ArchiveVersion.create([made], { session });
        return made.version;
      });
      await Batch.updateMany({ batchId: { $in: newBatchIds } }, { $set: { version } });
      return version;
    },

    /** Makes the sealed package of a version, shows the version as the archive's, and has its pages looked at. */
    async packArchive({ archiveId, version }: VersionOf): Promise<void> {
      const found = await versionOf({ archiveId, version });
      if (found.package === undefined) await pack(found);
      const archive = (await Archive.findOne({ archiveId }).lean<Archive>())!;
      await Archive.updateOne(
        { archiveId, currentVersion: { $lt: version } },
        {
          $set: {
            currentVersion: version,
            catalogEdit: 0,
            state: AttestationState.signed,
            pageCount: found.catalog.nodes.reduce((sum, node) => sum + node.pages.length, 0),
            documentTypes: [...new Set(found.catalog.nodes.map(({ type }) => type))],
            ...(await completenessBy(store.models, archive, found.catalog)),
            updatedAt: new Date(),
          },
        },
      );
      await recountSuggestions(store, archiveId);
      if (classifyAfterArchiving) await signals.classify(archiveId, version);
    },

    /** Puts the version's digest into the outbox, and wakes anchoring; tells if it was attested before. */
    async requestAttestation({ archiveId, version }: VersionOf): Promise<{ attested: boolean }> {
      const found = await versionOf({ archiveId, version });
      if (found.attestation !== undefined) return { attested: true };
      const { objectId: _stored, ...packaged } = found.package!;
      const manifest: AttestationManifest = {
        format: 'sealfolio-manifest/1',
        memberId,
        archiveId,
        version,
        sealedAt: found.createdAt.toISOString(),
        package: packaged,
        documents: found.documents.map(({ documentType, mediaType, bytes, sm3: digest, pages }) => ({
          type: documentType,
          mediaType,
          bytes,
          pages: pages.length,
          sm3: digest,
        })),
        catalog: {
          templateId: found.catalog.templateId,
          templateVersion: found.catalog.templateVersion,
          sm3: catalogDigest(found.catalog),
        },
        signerCertificateSm3: sm3(sealer.certificate).toString('hex'),
      };
      // The salt is drawn once: a second try finds the first one's.
      const salt = found.salt ?? randomBytes(SALT_BYTES).toString('hex');
      await ArchiveVersion.updateOne(
        { archiveId, version, salt: { $exists: false } },
        { $set: { manifest, salt, state: AttestationState.anchoring } },
      );
      const kept = await versionOf({ archiveId, version });
      const digest = taggedSm3(ATTEST_TAG, Buffer.from(kept.salt!, 'hex'), jcs(kept.manifest)).toString('hex');
      const key = taggedSm3(KEY_TAG, archiveId).toString('hex');
      await OutboxItem.updateOne(
        { archiveId, version },
        { $setOnInsert: { key, digest, state: 'pending', createdAt: new Date() } },
        { upsert: true },
      );
      await Archive.updateOne(
        { archiveId, state: { $ne: AttestationState.attested } },
        { $set: { state: AttestationState.anchoring } },
      );
      await signals.backlog();
      return { attested: false };
    },

    /** Shows that the archive waits for a person. */
    async recordFailure({ archiveId, code }: { archiveId: string; code: string }): Promise<void> {
      await Archive.updateOne({ archiveId }, { $set: { state: AttestationState.failed, updatedAt: new Date() } });
      await store.trace.append({
        actor: { type: 'system', id: 'dischargeArchiving', roles: [] },
        action: 'archiving.failed',
        object: { type: 'archive', id: archiveId },
        archiveId,
        details: { code },
        result: 'failed',
        requestId: archiveId,
      });
    },
  };
}

export type ArchivingActivities = ReturnType<typeof createArchivingActivities>;

import {
  blockHash,
  type FileDigests,
  type LedgerReceipt,
  type Manifest,
  verifyReceipt,
  verifyRecord,
} from '../../../verifier/index.ts';
import { toHex } from '../../../verifier/bytes.ts';
import { browserCrypto } from '../../shared/verify/crypto.ts';
import type { Step } from '../check/step.ts';
import { absence, type Missing } from '../client/answers.ts';
import { ask } from '../client/ask.ts';
import type { useNode } from '../client/node.ts';
import type { TrustSource, useTrust } from '../client/trust.ts';
import type { Block, RecordRow, Status } from '../client/types.ts';
import { layerSteps } from './layers.ts';

export interface Given {
  file: { name: string; digests: FileDigests } | null;
  receipt: { name: string; text: string } | null;
}

/** What was checked, and what came of it. */
export interface Report extends Given {
  /** ms. */
  at: number;
  verdict: 'valid' | 'invalid' | 'unknown';
  steps: Step[];
  /** The name of the layer that failed, a key of the messages under `check`. */
  failed: string | null;
  ledger: LedgerReceipt | null;
  manifest: Manifest | null;
  source: TrustSource;
  /** The node that was asked, as it was then; null if it did not answer. */
  status: Status | null;
  /** Whether the node is on the receipt's chain, and has the same block at its height; null if it could not be asked. */
  standing: 'agrees' | 'disagrees' | 'otherChain' | null;
  /** Records under the same key that came later: newer versions of the same thing; null if nobody could say. */
  later: number | null;
  /** A bare file that no record names by its own digest: why. */
  notFound: Missing | null;
}

type Node = ReturnType<typeof useNode>;
type Anchors = ReturnType<typeof useTrust>;

/** What the node has to say of the receipt's block, and of what came after it under the same key. */
async function onChain(ledger: LedgerReceipt, anchors: Anchors): Promise<Pick<Report, 'standing' | 'later'>> {
  if (anchors.own === null) return { standing: null, later: null };
  if (anchors.own.genesisHash !== ledger.genesisHash) return { standing: 'otherChain', later: null };
  const [block, later] = await Promise.all([ask<Block>(`/v1/blocks/${ledger.header.height}`), laterRecords(ledger)]);
  if (block.kind !== 'found') return { standing: null, later };
  const own = toHex(blockHash(ledger.header, browserCrypto.sm3));
  return { standing: block.value.hash === own ? 'agrees' : 'disagrees', later };
}

/** How many records came after this one under its key, 100 at most; null if the node does not answer. */
async function laterRecords({ index, entry }: LedgerReceipt): Promise<number | null> {
  const { key, stream } = entry.record;
  const answer = await ask<RecordRow[]>(`/v1/records?key=${key}&stream=${stream}&from=${index + 1}&limit=100`);
  return answer.kind === 'found' ? answer.value.length : null;
}

const failedName = (failed: string | undefined): string | null => (failed === undefined ? null : `layer.${failed}`);

/** Checks a receipt, with its file if that was given. */
async function byReceipt(given: Given, text: string, anchors: Anchors): Promise<Partial<Report>> {
  const first = verifyReceipt(text, given.file?.digests ?? null, null, browserCrypto);
  const genesis = first.receipt?.ledger.genesisHash;
  const trust = genesis === undefined ? null : anchors.forChain(genesis);
  const { verdict, failed, layers, receipt } =
    trust === null ? first : verifyReceipt(text, given.file?.digests ?? null, trust, browserCrypto);
  const ledger = receipt?.ledger ?? null;
  return {
    verdict,
    failed: failedName(failed),
    steps: layerSteps(layers, anchors.source, receipt?.ledger, given.file?.digests.sm3),
    ledger,
    manifest: receipt?.manifest ?? null,
    ...(ledger !== null && verdict !== 'invalid' && (await onChain(ledger, anchors))),
  };
}

/** Looks for a record of the file's own digest, and checks the first that there is. */
async function byDigest(
  { digests }: NonNullable<Given['file']>,
  node: Node,
  anchors: Anchors,
): Promise<Partial<Report>> {
  for (const digest of [digests.sm3, digests.sha256 ?? digests.sm3]) {
    const answer = await ask<RecordRow[]>(`/v1/records?digest=${digest}&limit=1`);
    if (answer.kind !== 'found') return { notFound: answer };
    const [row] = answer.value;
    if (row === undefined) continue;
    const receipt = await ask<{ genesisHash?: unknown }>(`/v1/receipts/${row.txId}/${row.indexInTx}`);
    if (receipt.kind !== 'found') return { notFound: receipt };
    const trust = anchors.forChain(String(receipt.value.genesisHash));
    const { verdict, failed, layers, ledger } = verifyRecord(receipt.value, digest, trust, browserCrypto);
    const steps = layerSteps(layers, anchors.source, ledger, digest);
    return {
      verdict,
      failed: failedName(failed),
      steps,
      ledger: ledger ?? null,
      ...(ledger !== undefined && verdict !== 'invalid' && (await onChain(ledger, anchors))),
    };
  }
  const { status } = node;
  const notFound: Missing = status === null ? { kind: 'unknown', why: 'offline', detail: '' } : absence(status);
  return { notFound };
}

/** Makes the report on what was given. Everything is checked in this browser; the node is asked for what is on the chain. */
export async function makeReport(given: Given, node: Node, anchors: Anchors): Promise<Report> {
  await Promise.all([node.load(), anchors.load()]);
  const { file, receipt } = given;
  const part =
    receipt !== null
      ? await byReceipt(given, receipt.text, anchors)
      : file !== null
        ? await byDigest(file, node, anchors)
        : {};
  return {
    ...given,
    at: Date.now(),
    verdict: 'unknown',
    steps: [],
    failed: null,
    ledger: null,
    manifest: null,
    source: anchors.source,
    standing: null,
    later: null,
    notFound: null,
    status: node.status === null ? null : { ...node.status },
    ...part,
  };
}

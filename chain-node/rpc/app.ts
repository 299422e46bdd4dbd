import express, { type ErrorRequestHandler, type Express, type Request, type RequestHandler } from 'express';
import { z } from 'zod';
import type { Registry } from '../../platform/observe/metrics.ts';
import { MAX_TX_BYTES, TxType, type TxTypeName } from '../codec/transaction.ts';
import { LedgerError } from '../errors.ts';
import { forwardedBy, forwardedReason } from '../forwarded.ts';
import type { LedgerNode } from '../node.ts';
import type { Overlay } from '../overlay/index.ts';
import { memberJson } from '../state/json.ts';
import {
  blockJson,
  listBlocks,
  quorumOf,
  checkpointJson,
  genesisJson,
  governanceJson,
  recordRows,
  searchJson,
  standing,
  rulesJson,
  transactionContentJson,
  transactionJson,
} from './answers.ts';
import { serveExplorer } from './explorer.ts';
import { addOverlayRoutes } from './overlay-routes.ts';
import { count, limit, read } from './read.ts';
import { listRecords, nextLink } from './records.ts';
import { listTransactions } from './transactions.ts';

const MAX_WAIT_MS = 30_000;
const STATUS_OF: Partial<Record<LedgerError['code'], number>> = {
  'not-found': 404,
  pruned: 410,
  'not-synced': 404,
  'route-not-found': 404,
  denied: 403,
  'transaction-too-large': 413,
  'mempool-full': 503,
  'store-corrupt': 500,
  'rules-unknown': 503,
};
const hash = z.string().regex(/^[0-9a-f]{64}$/);
const streamName = z.string().regex(/^[a-z0-9.-]{1,64}$/);
const keyHex = z.string().regex(/^([0-9a-f]{2}){1,64}$/);
const memberName = z.string().min(1).max(64);
const txType = z.enum(Object.keys(TxType) as TxTypeName[]);
/** HEIGHT, or HEIGHT-INDEX, of a transaction. */
const txPlace = z
  .string()
  .regex(/^\d{1,15}(-\d{1,9})?$/)
  .transform((text) => {
    const [height, indexInBlock] = text.split('-').map(Number);
    return { height: height!, indexInBlock };
  });
/** HEIGHT-ID of a finding. */
const evidencePlace = z
  .string()
  .regex(/^\d{1,15}-[0-9a-f]{64}$/)
  .transform((text) => ({ height: Number(text.split('-')[0]), id: text.split('-')[1]! }));
const flag = z.enum(['0', '1']).default('0');

export interface RpcOptions {
  /** The built pages of the explorer; null serves none. */
  explorerDir?: string | null;
  /** Where other members' nodes answer readers: offered by the explorer for comparison. */
  others?: readonly { memberId: string; url: string }[];
  overlay?: Overlay | null;
}

async function statusJson(node: LedgerNode, others: RpcOptions['others']) {
  const { ledger, options, mempool } = node;
  return {
    memberId: options.memberId,
    chainId: ledger.genesis.chainId,
    genesisHash: ledger.genesis.hash.toString('hex'),
    membersHash: ledger.membersHash.toString('hex'),
    stateHash: ledger.stateHash.toString('hex'),
    base: ledger.base,
    snapshot: node.snapshot,
    ...standing(node),
    headHash: ledger.head.toString('hex'),
    headTime: new Date(ledger.headTimeMs).toISOString(),
    logSize: ledger.logSize,
    waiting: mempool.size,
    evidence: await ledger.store.evidenceCount(),
    validators: ledger.validators,
    quorum: quorumOf(node),
    rules: rulesJson(node),
    peers: node.peers(),
    others: others ?? [],
  };
}

function addTransactions(app: Express, node: LedgerNode): void {
  app.post('/v1/transactions', async (request, response) => {
    const { tx } = read(z.strictObject({ tx: z.base64() }), request.body, 'body');
    const txId = await node.submit(Buffer.from(tx, 'base64'));
    response.status(202).json(await transactionJson(node, txId, 0));
  });
  app.get('/v1/transactions', async ({ query, originalUrl }, response) => {
    const { height, base } = node.ledger;
    const from = read(txPlace.optional(), query.from, 'from') ?? null;
    if (from !== null && from.height > height)
      throw new LedgerError('not-synced', `block ${from.height}: this node is at ${height}`);
    const filter = {
      sender: read(memberName.optional(), query.sender, 'sender') ?? null,
      type: read(txType.optional(), query.type, 'type') ?? null,
    };
    const most = read(limit, query.limit, 'limit');
    const { rows, next } = await listTransactions(node.reader, { height, base: base.height }, filter, from, most);
    if (next !== null)
      response.set('Link', nextLink(originalUrl, [next.height, next.indexInBlock ?? []].flat().join('-')));
    response.json(rows);
  });
  app.get('/v1/transactions/:txId', async ({ params, query }, response) => {
    const wait = Math.min(read(count.default(0), query.wait, 'wait'), MAX_WAIT_MS);
    response.json(await transactionJson(node, read(hash, params.txId, 'txId'), wait));
  });
  app.get('/v1/transactions/:txId/content', async ({ params }, response) => {
    response.json(await transactionContentJson(node, read(hash, params.txId, 'txId')));
  });
  app.get('/v1/receipts/:txId/:indexInTx', async ({ params }, response) => {
    const indexInTx = read(count, params.indexInTx, 'indexInTx');
    response.json(await node.reader.receipt(read(hash, params.txId, 'txId'), indexInTx));
  });
}

function addBlocks(app: Express, node: LedgerNode): void {
  const { ledger, reader } = node;
  app.get('/v1/blocks', async ({ query, originalUrl }, response) => {
    const most = read(limit, query.limit, 'limit');
    const from = read(
      count.min(1).default(Math.max(ledger.base.height + 1, ledger.height - most + 1)),
      query.from,
      'from',
    );
    const isFull = read(flag, query.full, 'full') === '1';
    const { blocks, next } = await listBlocks(node, from, most, isFull);
    if (next !== null) response.set('Link', nextLink(originalUrl, next));
    response.json(blocks);
  });
  app.get('/v1/blocks/:height', async ({ params }, response) => {
    const height = read(count, params.height, 'height');
    if (height > ledger.height)
      throw new LedgerError('not-synced', `block ${height}: this node is at ${ledger.height}`);
    response.json(await blockJson(node, height));
  });
  app.get('/v1/consistency', async ({ query }, response) => {
    const from = read(count, query.from, 'from');
    response.json(await reader.consistency(from, read(count.default(ledger.logSize), query.to, 'to')));
  });
  app.get('/v1/records', async ({ query, originalUrl }, response) => {
    const from = read(count.default(0), query.from, 'from');
    const most = read(limit, query.limit, 'limit');
    const filter = {
      stream: read(streamName.optional(), query.stream, 'stream') ?? null,
      key: read(keyHex.optional(), query.key, 'key') ?? null,
      digest: read(hash.optional(), query.digest, 'digest') ?? null,
    };
    const { found, next } = await listRecords(reader, ledger.logSize, filter, from, most);
    if (next !== null) response.set('Link', nextLink(originalUrl, next));
    response.json(await recordRows(node, found));
  });
}

/** Who is linked with whom, and figures, are for the member's own machines. Throws denied. */
const refuseForwarded: RequestHandler = ({ headers }, _response, next) => {
  const proxy = forwardedBy(headers);
  if (proxy !== null) throw new LedgerError('denied', forwardedReason(proxy));
  next();
};

/** The node's own interface (design §6): reads need no login, as nothing on the ledger names anyone. */
export function createRpc(
  node: LedgerNode,
  metrics: Registry,
  { explorerDir = null, others, overlay = null }: RpcOptions = {},
): Express {
  const { ledger, options } = node;
  const app = express();
  app.disable('x-powered-by');
  app.use(express.json({ limit: 2 * MAX_TX_BYTES }));
  app.use('/v1', ({ method }, response, next) => {
    // Pages of one node read others' to compare them; there is nothing here that a cookie would open.
    if (method === 'GET') response.set({ 'Access-Control-Allow-Origin': '*', 'Access-Control-Expose-Headers': 'Link' });
    response.set('Cache-Control', 'no-store');
    next();
  });
  app.use(['/v1/overlay', '/metrics'], refuseForwarded);
  addTransactions(app, node);
  addBlocks(app, node);
  if (overlay !== null) addOverlayRoutes(app, overlay);
  app.get('/v1/status', async (_request, response) => void response.json(await statusJson(node, others)));
  app.get('/v1/genesis', (_request, response) => void response.json(genesisJson(node)));
  /** The height that is asked about: that of the next block if none is named. */
  const heightIn = ({ query }: Request): number => {
    const height = read(count.min(1).default(ledger.height + 1), query.height, 'height');
    if (height > ledger.height + 1) throw new LedgerError('not-synced', `this node is at ${ledger.height}`);
    return height;
  };
  app.get('/v1/members', async (request, response) => {
    response.json((await ledger.membersAt(heightIn(request))).map(memberJson));
  });
  app.get('/v1/handovers', async (request, response) => {
    response.json(await node.reader.handovers(heightIn(request)));
  });
  app.get('/v1/governance', async (_request, response) => {
    response.json(await governanceJson(node));
  });
  app.get('/v1/search', async ({ query }, response) => {
    response.json(await searchJson(node, read(z.string().min(1).max(128), query.q, 'q')));
  });
  app.get('/v1/checkpoints', async ({ query }, response) => {
    const found = await node.checkpoints.latest(read(limit, query.limit, 'limit'));
    response.json(found.map(checkpointJson));
  });
  app.get('/v1/evidence', async ({ query, originalUrl }, response) => {
    const height = read(count.optional(), query.height, 'height') ?? null;
    const from = read(evidencePlace.optional(), query.from, 'from') ?? null;
    const { found, next } = await ledger.store.evidencePage(read(limit, query.limit, 'limit'), { from, height });
    if (next !== null) response.set('Link', nextLink(originalUrl, `${next.height}-${next.id}`));
    response.json(found);
  });
  app.get('/healthz', (_request, response) => {
    response.json({ state: 'ok' });
  });
  app.get('/metrics', async (_request, response) => {
    response.type(metrics.contentType).send(await metrics.metrics());
  });
  if (explorerDir !== null) serveExplorer(app, explorerDir);
  app.use((_request, _response) => {
    throw new LedgerError('route-not-found', 'no such route');
  });
  const onError: ErrorRequestHandler = (error: unknown, _request, response, _next) => {
    if (error instanceof LedgerError) {
      const { code, reason } = error;
      const isAbsence = code === 'not-found' || code === 'not-synced';
      // Who is behind cannot say that there is no such thing.
      const said = code === 'not-found' && node.isSyncing ? 'not-synced' : code;
      response.status(STATUS_OF[code] ?? 400).json({ code: said, reason, ...(isAbsence && standing(node)) });
    } else if ((error as { status?: number }).status !== undefined) {
      const { status, message } = error as { status: number; message: string };
      response.status(status).json({ code: 'encoding-invalid', reason: message });
    } else {
      options.logger.error({ err: error }, 'rpc failed');
      response.status(500).json({ code: 'internal', reason: 'see the log of the node' });
    }
  };
  app.use(onError);
  return app;
}

import express, { type ErrorRequestHandler, type Express, type Request } from 'express';
import { z } from 'zod';
import type { Registry } from '../../platform/observe/metrics.ts';
import { blockHash } from '../codec/block.ts';
import { MAX_TX_BYTES } from '../codec/transaction.ts';
import { LedgerError } from '../errors.ts';
import type { LedgerNode } from '../node.ts';
import { entryJson, headerJson } from '../state/ledger.ts';

const MAX_WAIT_MS = 30_000;
const MAX_LIST = 100;
const STATUS_OF: Partial<Record<LedgerError['code'], number>> = {
  'not-found': 404,
  'transaction-too-large': 413,
  'mempool-full': 503,
};
const hash = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

function read<T>(schema: z.ZodType<T>, value: unknown, field: string): T {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new LedgerError('encoding-invalid', `${field}: ${parsed.error.issues[0]!.message}`);
  return parsed.data;
}

/** The state of a transaction, once it is final or `waitMs` have passed. */
async function stateOf(node: LedgerNode, id: string, waitMs: number) {
  const final = async () => {
    const place = await node.ledger.store.place(id);
    return place === null ? null : { txId: id, state: 'final' as const, ...place };
  };
  const known = await final();
  if (known !== null) return known;
  if (waitMs > 0) {
    let finish = () => {};
    const onBlock = (_header: unknown, txIds: string[]) => {
      if (txIds.includes(id)) finish();
    };
    const passed = new Promise<void>((done) => {
      finish = done;
    });
    const timer = setTimeout(finish, Math.min(waitMs, MAX_WAIT_MS));
    node.on('block', onBlock);
    // It may have become final between the look above and now.
    if ((await final()) === null) await passed;
    node.off('block', onBlock);
    clearTimeout(timer);
    return stateOf(node, id, 0);
  }
  if (node.mempool.has(id)) return { txId: id, state: 'pending' as const };
  throw new LedgerError('not-found', 'no such transaction');
}

async function blockJson(node: LedgerNode, height: number) {
  if (height < 1 || height > node.ledger.height) throw new LedgerError('not-found', `block ${height}`);
  const [block, commit] = await Promise.all([node.ledger.store.block(height), node.ledger.store.commit(height)]);
  return {
    hash: blockHash(block.header).toString('hex'),
    header: headerJson(block.header),
    txs: block.txs.map((tx) => tx.toString('base64')),
    commit: {
      round: commit.round,
      signatures: commit.signatures.map((one) => ({ ...one, signature: one.signature.toString('hex') })),
    },
  };
}

/** The node's own interface (design §6): reads need no login, as nothing on the ledger names anyone. */
export function createRpc(node: LedgerNode, metrics: Registry): Express {
  const { ledger, options } = node;
  const app = express();
  app.disable('x-powered-by');
  app.use(express.json({ limit: 2 * MAX_TX_BYTES }));

  app.post('/v1/transactions', async (request, response) => {
    const { tx } = read(z.strictObject({ tx: z.base64() }), request.body, 'body');
    const txId = await node.submit(Buffer.from(tx, 'base64'));
    response.status(202).json(await stateOf(node, txId, 0));
  });
  app.get('/v1/transactions/:txId', async (request, response) => {
    const wait = read(count.default(0), request.query.wait, 'wait');
    response.json(await stateOf(node, read(hash, request.params.txId, 'txId'), wait));
  });
  app.get('/v1/receipts/:txId/:indexInTx', async ({ params }, response) => {
    response.json(await ledger.receipt(read(hash, params.txId, 'txId'), read(count, params.indexInTx, 'indexInTx')));
  });
  app.get('/v1/status', (_request, response) => {
    response.json({
      memberId: options.memberId,
      chainId: ledger.genesis.chainId,
      genesisHash: ledger.genesis.hash.toString('hex'),
      membersHash: ledger.genesis.membersHash.toString('hex'),
      height: ledger.height,
      headHash: ledger.head.toString('hex'),
      headTime: new Date(ledger.headTimeMs).toISOString(),
      logSize: ledger.logSize,
      waiting: node.mempool.size,
      validators: ledger.validators,
      peers: node.peers(),
      syncing: node.isSyncing,
    });
  });
  app.get('/v1/members', (_request, response) => {
    response.json(ledger.genesis.members.map((member) => ({ ...member, publicKey: member.publicKey.toString('hex') })));
  });
  const listBlocks = async ({ query }: Request) => {
    const from = read(count.min(1).default(Math.max(1, ledger.height - 19)), query.from, 'from');
    const limit = read(count.min(1).max(MAX_LIST).default(20), query.limit, 'limit');
    const heights = Array.from({ length: limit }, (_, i) => from + i).filter((height) => height <= ledger.height);
    return Promise.all(heights.map((height) => blockJson(node, height)));
  };
  app.get('/v1/blocks', async (request, response) => {
    response.json(await listBlocks(request));
  });
  app.get('/v1/blocks/:height', async ({ params }, response) => {
    response.json(await blockJson(node, read(count, params.height, 'height')));
  });
  app.get('/v1/consistency', ({ query }, response) => {
    const from = read(count, query.from, 'from');
    response.json(ledger.consistency(from, read(count.default(ledger.logSize), query.to, 'to')));
  });
  app.get('/v1/evidence', async (_request, response) => {
    response.json(await ledger.store.evidence(MAX_LIST));
  });
  app.get('/v1/records', async ({ query }, response) => {
    const stream = read(z.string().regex(/^[a-z0-9.-]{1,64}$/), query.stream, 'stream');
    const key = read(z.string().regex(/^([0-9a-f]{2}){1,64}$/), query.key, 'key');
    const indexes = await ledger.store.history(stream, key, MAX_LIST);
    const entries = await Promise.all(indexes.map((index) => ledger.store.entry(index)));
    response.json(entries.map((entry, i) => ({ index: indexes[i], ...entryJson(entry) })));
  });
  app.get('/healthz', (_request, response) => {
    response.json({ state: 'ok' });
  });
  app.get('/metrics', async (_request, response) => {
    response.type(metrics.contentType).send(await metrics.metrics());
  });
  app.use((_request, _response) => {
    throw new LedgerError('not-found', 'no such route');
  });
  const onError: ErrorRequestHandler = (error: unknown, _request, response, _next) => {
    if (error instanceof LedgerError) {
      response.status(STATUS_OF[error.code] ?? 400).json({ code: error.code, reason: error.reason });
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

import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import { blockHash, type Header } from '../codec/block.ts';
import { MAX_TX_BYTES } from '../codec/transaction.ts';
import { LedgerError } from '../errors.ts';
import type { LedgerNode } from '../node.ts';
import { boundControlFrames } from '../p2p/control-frames.ts';
import { gather } from '../p2p/gather.ts';

/** Transactions of one connection that are being checked; more wait in its socket. */
const MAX_PENDING = 2048;
/** A reader that is this far behind is let go. */
const MAX_UNSENT_BYTES = 8 * 1024 * 1024;
/** Of both kinds: each may make us hold what it does not read. */
const MAX_STREAMS = 128;

/** Tells each final block as it comes: `{height, hash, timeMs, txCount}`, with `?txs=1` the ids of its transactions too. */
function subscribe(node: LedgerNode, ws: WebSocket, withTxs: boolean): void {
  const onBlock = (header: Header, txIds: string[]) => {
    if (ws.bufferedAmount > MAX_UNSENT_BYTES) return ws.terminate();
    const { height, timeMs } = header;
    const hash = blockHash(header).toString('hex');
    ws.send(JSON.stringify({ height, hash, timeMs, txCount: txIds.length, ...(withTxs && { txIds }) }));
  };
  node.on('block', onBlock);
  ws.once('close', () => node.off('block', onBlock));
  // It has nothing to say.
  ws.on('message', () => ws.terminate());
}

/** Takes encoded transactions, one a message, and answers each in turn: `{n, txId}` or `{n, code, reason}`, n counting from 0. */
function takeTransactions(node: LedgerNode, ws: WebSocket, socket: Duplex): void {
  let next = 0;
  let pending = 0;
  const answer = (content: object) => {
    pending -= 1;
    if (ws.bufferedAmount > MAX_UNSENT_BYTES) return ws.terminate();
    if (ws.isPaused && pending < MAX_PENDING / 2) ws.resume();
    gather(socket);
    ws.send(JSON.stringify(content));
  };
  ws.on('message', (data: RawData) => {
    const n = next;
    next += 1;
    pending += 1;
    if (pending >= MAX_PENDING) ws.pause();
    node.submit(data as Buffer).then(
      (txId) => answer({ n, txId }),
      (error: unknown) => {
        if (error instanceof LedgerError) return answer({ n, code: error.code, reason: error.reason });
        node.options.logger.error({ err: error }, 'submission failed');
        ws.terminate();
      },
    );
  });
}

/** The WebSockets of the rpc: `/v1/subscribe` and `/v1/submit`. */
export function attachStreams(server: Server, node: LedgerNode): void {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_TX_BYTES, perMessageDeflate: false });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const base = 'http://node';
    if (!URL.canParse(request.url ?? '/', base) || sockets.clients.size >= MAX_STREAMS) {
      node.options.logger.warn({ streams: sockets.clients.size }, 'stream refused');
      return void socket.destroy();
    }
    const { pathname, searchParams } = new URL(request.url ?? '/', base);
    const open = (use: (ws: WebSocket) => void) =>
      sockets.handleUpgrade(request, socket, head, (ws) => {
        ws.on('error', () => ws.terminate());
        boundControlFrames(ws, () => node.options.logger.warn('flood of control frames: stream closed'));
        use(ws);
      });
    if (pathname === '/v1/subscribe') open((ws) => subscribe(node, ws, searchParams.get('txs') === '1'));
    else if (pathname === '/v1/submit') open((ws) => takeTransactions(node, ws, socket));
    else socket.destroy();
  });
}

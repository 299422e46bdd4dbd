import { type RawData, WebSocket, WebSocketServer } from 'ws';

const PIECE_BYTES = 128 * 1024;
const FULL_AT_BYTES = 2 * 1024 * 1024;
const OPTIONS = { perMessageDeflate: false, maxPayload: 1024 * 1024 };

/** As much as the socket takes, in messages of 128 KiB. */
async function pump(ws: WebSocket, bytes: number): Promise<void> {
  const piece = Buffer.alloc(PIECE_BYTES, 7);
  for (let sent = 0; sent < bytes; sent += PIECE_BYTES)
    await new Promise<void>((done) => {
      ws.send(piece, () => ws.bufferedAmount > FULL_AT_BYTES || done());
      if (ws.bufferedAmount <= FULL_AT_BYTES) done();
    });
}

const listen = (port: number, onSocket: (ws: WebSocket) => void) =>
  new Promise<void>((done) => {
    const server = new WebSocketServer({ host: '127.0.0.1', port, ...OPTIONS }, done);
    server.on('connection', onSocket);
  });

/** The same shape without TLS, seals, routes and streams: a WebSocket from one process to another, or two with a process between. */
export async function runPlain(role: string, port: number): Promise<void> {
  if (role === 'sink') {
    let bytes = 0;
    const count = (ws: WebSocket) =>
      ws.on('message', (data: RawData) => {
        const piece = data as Buffer;
        if (piece.length < 16) return ws.send(String(bytes), () => (bytes = 0));
        bytes += piece.length;
      });
    if (process.argv.includes('dial')) count(new WebSocket(`ws://127.0.0.1:${port}/b`, OPTIONS));
    else await listen(port, count);
  } else if (role === 'relay') {
    const ends = new Map<string, WebSocket>();
    await new Promise<void>((done) => {
      const server = new WebSocketServer({ host: '127.0.0.1', port, ...OPTIONS }, done);
      server.on('connection', (ws, request) => {
        const me = request.url!;
        ends.set(me, ws);
        ws.on('message', (data: RawData) => {
          const other = ends.get(me === '/a' ? '/b' : '/a')!;
          other.send(data as Buffer, () => ws.isPaused && other.bufferedAmount < FULL_AT_BYTES && ws.resume());
          if (other.bufferedAmount > 2 * FULL_AT_BYTES) ws.pause();
        });
      });
    });
  } else {
    const ws = new WebSocket(`ws://127.0.0.1:${port}/a`, OPTIONS);
    await new Promise((done) => ws.once('open', done));
    process.on('message', (bytes: number) => {
      const start = process.hrtime.bigint();
      ws.once('message', (data: RawData) => {
        if (Number((data as Buffer).toString()) !== bytes) throw new Error('not all bytes came');
        process.send!({ seconds: Number(process.hrtime.bigint() - start) / 1e9, cpu: process.cpuUsage() });
      });
      void pump(ws, bytes).then(() => ws.send('end'));
    });
  }
  process.on('disconnect', () => process.exit());
  process.send!('ready');
}

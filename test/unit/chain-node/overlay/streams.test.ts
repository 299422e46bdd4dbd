import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { PassThrough, Readable } from 'node:stream';
import fc from 'fast-check';
import { OverlayError } from '../../../../chain-node/overlay/errors.ts';
import { Body, bodyType } from '../../../../chain-node/overlay/session/bodies.ts';
import { type Carrier, type OverlayStream, Streams } from '../../../../chain-node/overlay/session/streams.ts';
import { until } from '../../../fixtures/until.ts';

const WINDOW = 4096;

/** Two ends of a session's streams, without a channel between: bodies come in order, after as many turns as `slow` says. */
function ends(slow: () => number = () => 0) {
  const accepted: OverlayStream[] = [];
  const sent: Buffer[] = [];
  const errors: unknown[] = [];
  const carrier = (other: () => Streams): Carrier => {
    let last: Promise<void> = Promise.resolve();
    const send = (body: Buffer) => {
      sent.push(body);
      last = last.then(async () => {
        for (let i = slow(); i > 0; i -= 1) await new Promise((done) => setImmediate(done));
        try {
          other().onBody(bodyType(body), body);
        } catch (error) {
          errors.push(error);
        }
      });
      return last;
    };
    return { send, sendNow: send };
  };
  const a: Streams = new Streams(
    carrier(() => b),
    null,
    WINDOW,
  );
  const b: Streams = new Streams(
    carrier(() => a),
    (stream) => void accepted.push(stream),
    WINDOW,
  );
  return { a, b, accepted, sent, errors };
}

async function read(stream: Readable): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) pieces.push(piece);
  return Buffer.concat(pieces);
}

test('bytes go both ways, and each way ends by itself', async () => {
  const { a, accepted } = ends();
  const stream = a.open();
  stream.end('question');
  await until(() => accepted.length === 1);
  const [other] = accepted;
  expect((await read(other!)).toString()).toBe('question');
  other!.end('answer');
  expect((await read(stream)).toString()).toBe('answer');
  await until(() => a.size === 0);
});

test('any interleaving of streams, pieces and slow readers delivers the bytes of each in order', async () => {
  const pieces = fc.array(fc.integer({ min: 1, max: 9000 }), { minLength: 1, maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(pieces, { minLength: 1, maxLength: 4 }),
      fc.infiniteStream(fc.integer({ min: 0, max: 3 })),
      fc.integer({ min: 1, max: 3000 }),
      async (list, slowness, chunk) => {
        const { a, accepted, errors } = ends(() => slowness.next().value!);
        const texts = list.map((sizes) => sizes.map((size) => randomBytes(size)));
        const open = texts.map((text) => {
          const stream = a.open();
          void pipeline(Readable.from(text), stream);
          return stream;
        });
        await until(() => accepted.length === open.length);
        const got = await Promise.all(
          accepted.map(async (stream) => {
            const pieces: Buffer[] = [];
            for (;;) {
              const piece = stream.read(chunk) ?? stream.read();
              if (piece !== null) pieces.push(piece as Buffer);
              else if (stream.readableEnded) return Buffer.concat(pieces);
              else await new Promise((done) => setImmediate(done));
            }
          }),
        );
        expect(got.map((bytes) => bytes.toString('hex'))).toEqual(
          texts.map((text) => Buffer.concat(text).toString('hex')),
        );
        expect(errors).toEqual([]);
      },
    ),
    { numRuns: 30 },
  );
});

test('who does not read is not sent more than the window; other streams go on', async () => {
  const { a, accepted, sent } = ends();
  const stuck = a.open();
  stuck.write(Buffer.alloc(10 * WINDOW));
  await until(() => accepted.length === 1);
  const bytesOf = (id: number) =>
    sent
      .filter((body) => body[0] === Body.data && body.readUInt32BE(1) === id)
      .reduce((sum, body) => sum + body.length - 5, 0);
  await until(() => bytesOf(stuck.id) >= WINDOW);
  const free = a.open();
  free.end(Buffer.alloc(3 * WINDOW));
  await until(() => accepted.length === 2);
  expect(await read(accepted[1]!)).toHaveLength(3 * WINDOW);
  expect(bytesOf(stuck.id)).toBe(WINDOW);
  expect(stuck.writableLength).toBeGreaterThan(0);
});

test('a reset reaches the other end with its code, and the end that made it sends no more', async () => {
  const { a, b, accepted } = ends();
  const stream = a.open();
  stream.write('x');
  await until(() => accepted.length === 1);
  const failed = once(stream, 'error') as Promise<[OverlayError]>;
  accepted[0]!.destroy(new OverlayError('service-down', 'archive does not answer'));
  const [error] = await failed;
  expect(error).toMatchObject({ code: 'service-down', reason: 'archive does not answer' });
  await until(() => a.size === 0 && b.size === 0);
});

test('a stream that is destroyed without an error is cancelled at the other end', async () => {
  const { a, accepted } = ends();
  const stream = a.open();
  stream.write('x');
  await until(() => accepted.length === 1);
  const failed = once(accepted[0]!, 'error') as Promise<[OverlayError]>;
  stream.destroy();
  expect((await failed)[0]).toMatchObject({ code: 'cancelled' });
});

test('all streams end with the session', async () => {
  const { a, accepted } = ends();
  const streams = [a.open(), a.open()];
  await until(() => accepted.length === 2);
  const failed = Promise.all(streams.map((stream) => once(stream, 'error')));
  a.closeAll(new OverlayError('revoked', 'b was removed'));
  for (const [error] of await failed) expect(error).toMatchObject({ code: 'revoked' });
});

const frame = (type: number, id: number, ...rest: Buffer[]) => {
  const head = Buffer.alloc(5);
  head[0] = type;
  head.writeUInt32BE(id, 1);
  return Buffer.concat([head, ...rest]);
};
const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
test.each<[string, (b: Streams) => void]>([
  ['more data than the window', (b) => b.onBody(Body.data, frame(Body.data, 1, Buffer.alloc(WINDOW + 1)))],
  [
    'data after the end',
    (b) => (b.onBody(Body.end, frame(Body.end, 1)), b.onBody(Body.data, frame(Body.data, 1, u32(1)))),
  ],
  ['more credit than the window', (b) => b.onBody(Body.credit, frame(Body.credit, 1, u32(1)))],
  ['a credit that wraps around', (b) => b.onBody(Body.credit, frame(Body.credit, 1, u32(0xffffffff)))],
  ['a stream that nobody opened', (b) => b.onBody(Body.data, frame(Body.data, 2, u32(1)))],
  ['a stream opened twice', (b) => b.onBody(Body.open, frame(Body.open, 1))],
  ['a stream out of turn', (b) => b.onBody(Body.open, frame(Body.open, 9))],
  ['a frame cut short', (b) => b.onBody(Body.data, Buffer.of(Body.data, 0, 0))],
  ['a frame of no stream', (b) => b.onBody(Body.confirm, frame(Body.confirm, 1))],
  ['a reset cut short', (b) => b.onBody(Body.reset, frame(Body.reset, 1, u32(1)))],
])('%s is refused', (_, act) => {
  const { b } = ends();
  b.onBody(Body.open, frame(Body.open, 1));
  expect(() => act(b)).toThrow(/protocol|encoding-invalid/);
});

test('the end that asks is not asked: it takes no streams', () => {
  const { a } = ends();
  expect(() => a.onBody(Body.open, frame(Body.open, 1))).toThrow(/protocol/);
});

test('so many streams and no more: busy', () => {
  const { a } = ends();
  for (let i = 0; i < 512; i += 1) a.open();
  expect(() => a.open()).toThrow(/busy/);
});

test('frames for a stream that is over here already are let fall', async () => {
  const { a, b, accepted } = ends();
  a.open();
  await until(() => accepted.length === 1);
  accepted[0]!.destroy();
  expect(() => b.onBody(Body.data, frame(Body.data, 1, u32(1)))).not.toThrow();
});

test('joined to a slow sink, a stream holds its source back', async () => {
  const { a, accepted } = ends();
  const stream = a.open();
  await until(() => accepted.length === 1);
  const sink = new PassThrough({ highWaterMark: 16 });
  accepted[0]!.pipe(sink);
  const isRoom = stream.write(Buffer.alloc(200_000));
  expect(isRoom).toBe(false);
  await new Promise((done) => setTimeout(done, 30));
  expect(stream.writableLength).toBe(200_000);
  sink.resume();
  await once(stream, 'drain');
});

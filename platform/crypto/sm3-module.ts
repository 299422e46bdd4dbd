/*
 * A WebAssembly module that hashes four messages at once by SM3 (GB/T 32905-2016), one in each lane of a vector. It is
 * written out here as bytes (WebAssembly core specification, §5), so that no compiler and no binary file is needed.
 */

/** Messages that are hashed together. */
export const LANES = 4;
export const BLOCK_BYTES = 64;

const [I32, V128, FUNCTION, NO_RESULT] = [0x7f, 0x7b, 0x60, 0x40];
const [LOOP, BRANCH_IF, END] = [0x03, 0x0d, 0x0b];
const PAGE = 65_536;

/** Bytes in order, in lists within lists as they came about. */
type Code = number | readonly Code[];
function flat(code: Code, into: number[] = []): number[] {
  if (typeof code === 'number') into.push(code);
  else for (const part of code) flat(part, into);
  return into;
}
const range = (n: number) => Array.from({ length: n }, (_, i) => i);
const many = (n: number, of: (i: number) => Code): Code => range(n).map(of);

/** LEB128 of an unsigned number. */
const unsigned = (n: number): Code => (n < 0x80 ? n : [(n & 0x7f) | 0x80, unsigned(n >>> 7)]);
function sized(...code: Code[]): Code {
  const bytes = flat(code);
  return [unsigned(bytes.length), bytes];
}
const section = (id: number, ...code: Code[]): Code => [id, sized(...code)];
const named = (text: string): Code => sized(...Buffer.from(text));

// Instructions, operands first. Those on vectors have a prefix.
const get = (local: number): Code => [0x20, local];
const set = (local: number, value: Code): Code => [value, 0x21, local];
/** Small ones only: below 64 its LEB128 is the same with a sign as without. */
const integer = (n: number): Code => [0x41, n];
const addIntegers = (a: Code, b: Code): Code => [a, b, 0x6a];
const subtractIntegers = (a: Code, b: Code): Code => [a, b, 0x6b];
const times64 = (value: Code): Code => [value, integer(6), 0x74];
const vector = (code: number): Code => [0xfd, unsigned(code)];
const operator =
  (code: number) =>
  (first: Code, ...others: Code[]): Code => [first, others.map((other) => [other, vector(code)])];
const and = operator(0x4e);
const or = operator(0x50);
const xor = operator(0x51);
const add = operator(0xae);
/** The same number in each lane. */
const constant = (n: number): Code => [
  vector(0x0c),
  many(LANES, () => [n, n >>> 8, n >>> 16, n >>> 24].map((byte) => byte & 0xff)),
];
const rotl = (local: number, by: number): Code =>
  or([get(local), integer(by), vector(0xab)], [get(local), integer(32 - by), vector(0xad)]);
/** Big-endian from little-endian in each lane, or back. */
const swap = (local: number): Code => [
  get(local),
  get(local),
  vector(0x0d),
  many(LANES, (lane) => [3, 2, 1, 0].map((byte) => 4 * lane + byte)),
];
/** A word from or to memory for one lane, at an offset from the address. */
const onLane = (instruction: number, offset: number, lane: number): Code => {
  const alignedToWords = 2;
  return [vector(instruction), alignedToWords, unsigned(offset), lane];
};

// §4.1 to §4.4 of the standard.
const IV = [0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600, 0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e];
function rotatedT(j: number): number {
  const t = j < 16 ? 0x79cc4519 : 0x7a879d8a;
  return j % 32 === 0 ? t : (t << (j % 32)) | (t >>> (32 - (j % 32)));
}
const p0 = (x: number): Code => xor(get(x), rotl(x, 9), rotl(x, 17));
const p1 = (x: number): Code => xor(get(x), rotl(x, 15), rotl(x, 23));
const parity = (x: number, y: number, z: number): Code => xor(get(x), get(y), get(z));
const ff = (j: number, x: number, y: number, z: number): Code =>
  j < 16 ? parity(x, y, z) : or(and(get(x), get(y)), and(or(get(x), get(y)), get(z)));
const gg = (j: number, x: number, y: number, z: number): Code =>
  j < 16 ? parity(x, y, z) : xor(and(xor(get(y), get(z)), get(x)), get(z));

// Locals: the parameters; where each lane's message is; chaining values; registers; sixteen words of each message; two more.
const [FROM, BLOCKS, TO] = [0, 1, 2];
const AT = (lane: number) => 3 + lane;
const V = (i: number) => 7 + i;
const REGISTER = (i: number) => 15 + i;
const W = (j: number) => 23 + (j % 16);
const [KEPT, OTHER] = [39, 40];
const VECTORS = 34;

/** Word j + 16 of each message, in the place of word j, which nothing needs any more (§5.3.2). */
const expand = (j: number): Code => [
  set(KEPT, xor(get(W(j)), get(W(j + 7)), rotl(W(j + 13), 15))),
  set(W(j), xor(p1(KEPT), rotl(W(j + 3), 7), get(W(j + 10)))),
];

type Registers = [number, number, number, number, number, number, number, number];

/** One round (§5.3.3). Instead of moving the registers it is told which is which. */
const round = (j: number, [a, b, c, d, e, f, g, h]: Registers): Code => [
  j < 12 ? [] : expand(j - 12),
  set(KEPT, rotl(a, 12)),
  set(OTHER, add(get(KEPT), get(e), constant(rotatedT(j)))),
  set(OTHER, rotl(OTHER, 7)), // SS1
  set(d, add(ff(j, a, b, c), get(d), xor(get(OTHER), get(KEPT)), xor(get(W(j)), get(W(j + 4))))),
  set(KEPT, add(gg(j, e, f, g), get(h), get(OTHER), get(W(j)))),
  set(h, p0(KEPT)),
  set(b, rotl(b, 9)),
  set(f, rotl(f, 19)),
];

function rounds(): Code {
  let registers = range(8).map(REGISTER) as Registers;
  return many(64, (j) => {
    const code = round(j, registers);
    const [a, b, c, d, e, f, g, h] = registers;
    registers = [d, a, b, c, h, e, f, g];
    return code;
  });
}

/** Word `j` of each message. */
const loadWord = (j: number): Code => [
  set(W(j), constant(0)),
  many(LANES, (lane) => set(W(j), [get(AT(lane)), get(W(j)), onLane(0x56, 4 * j, lane)])),
  set(W(j), swap(W(j))),
];
/** Word `i` of each digest. */
const storeWord = (i: number): Code => [
  set(KEPT, swap(V(i))),
  many(LANES, (lane) => [get(TO), get(KEPT), onLane(0x5a, 32 * lane + 4 * i, lane)]),
];

function body(): Code {
  const block = [
    many(16, loadWord),
    many(8, (i) => set(REGISTER(i), get(V(i)))),
    rounds(),
    many(8, (i) => set(V(i), xor(get(V(i)), get(REGISTER(i))))),
    many(LANES, (lane) => set(AT(lane), addIntegers(get(AT(lane)), times64(integer(1))))),
    set(BLOCKS, subtractIntegers(get(BLOCKS), integer(1))),
    get(BLOCKS),
  ];
  return [
    set(AT(0), get(FROM)),
    many(LANES - 1, (lane) => set(AT(lane + 1), addIntegers(get(AT(lane)), times64(get(BLOCKS))))),
    many(8, (i) => set(V(i), constant(IV[i]!))),
    [LOOP, NO_RESULT, block, BRANCH_IF, 0, END],
    many(8, storeWord),
    END,
  ];
}

export interface Sm3Module {
  memory: Uint8Array;
  /**
   * Digests of LANES messages of `blocks` (at least 1) padded blocks each, one after the other at `from`, to `to`, one after
   * the other too: both places are in the memory.
   */
  digest(from: number, blocks: number, to: number): void;
}

/** Builds it, with at least so many bytes of memory. Throws where there are no WebAssembly vectors. */
export function buildSm3Module(memoryBytes: number): Sm3Module {
  const bytes = flat([
    [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    section(1, [1, FUNCTION, 3, I32, I32, I32, 0]),
    section(3, [1, 0]),
    section(5, [1, 0, unsigned(Math.ceil(memoryBytes / PAGE))]),
    section(7, [2, named('memory'), 2, 0, named('digest'), 0, 0]),
    section(10, [1, sized(2, LANES, I32, VECTORS, V128, body())]),
  ]);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from(bytes)));
  const { memory, digest } = exports as { memory: WebAssembly.Memory; digest: Sm3Module['digest'] };
  return { memory: new Uint8Array(memory.buffer), digest };
}

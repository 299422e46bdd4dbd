import { timingSafeEqual } from 'node:crypto';
import smCrypto from 'sm-crypto';
import { cryptoError } from './errors.ts';
import { GCM_NONCE_BYTES, GCM_TAG_BYTES, SM4_KEY_BYTES, type Sm4Gcm } from './sm4-gcm.ts';

const BLOCK = 16;
/** Counter blocks enciphered in one call, so that memory stays flat. */
const BATCH_BLOCKS = 4096;
/** x^128 + x^7 + x^2 + x + 1, reflected (SP 800-38D §6.3). */
const REDUCTION = 0xe1n << 120n;

function encipher(key: Uint8Array, blocks: Uint8Array): Buffer {
  return Buffer.from(smCrypto.sm4.encrypt([...blocks], [...key], { padding: 'none', output: 'array' }) as number[]);
}

const toInteger = (block: Uint8Array) => BigInt(`0x${Buffer.from(block).toString('hex')}`);

/** H · x^i for a byte at a time: tables of 256 for each of the 16 places would be large, so one table and a shift by eight. */
function hashTable(h: bigint): bigint[] {
  const table = Array<bigint>(256).fill(0n);
  let power = h;
  for (let bit = 128; bit >= 1; bit >>= 1) {
    table[bit] = power;
    power = (power & 1n) === 1n ? (power >> 1n) ^ REDUCTION : power >> 1n;
  }
  for (let bit = 2; bit <= 128; bit <<= 1)
    for (let low = 1; low < bit; low += 1) table[bit + low] = table[bit]! ^ table[low]!;
  return table;
}

/** What the eight bits shifted out of a product come back as. */
const SHIFTED = Array.from({ length: 256 }, (_, byte) => {
  let value = BigInt(byte);
  for (let i = 0; i < 8; i += 1) value = (value & 1n) === 1n ? (value >> 1n) ^ REDUCTION : value >> 1n;
  return value;
});

function ghash(h: bigint, ...inputs: Uint8Array[]): Buffer {
  const table = hashTable(h);
  let y = 0n;
  for (const input of inputs)
    for (let at = 0; at < input.length; at += BLOCK) {
      const block = Buffer.alloc(BLOCK);
      block.set(input.subarray(at, at + BLOCK));
      const x = Buffer.from((y ^ toInteger(block)).toString(16).padStart(32, '0'), 'hex');
      let z = 0n;
      for (let i = BLOCK - 1; i >= 0; i -= 1) {
        if (i < BLOCK - 1) z = (z >> 8n) ^ SHIFTED[Number(z & 0xffn)]!;
        z ^= table[x[i]!]!;
      }
      y = z;
    }
  return Buffer.from(y.toString(16).padStart(32, '0'), 'hex');
}

function counters(nonce: Uint8Array, first: number, count: number): Buffer {
  const out = Buffer.alloc(count * BLOCK);
  for (let i = 0; i < count; i += 1) {
    out.set(nonce, i * BLOCK);
    out.writeUInt32BE(first + i, i * BLOCK + GCM_NONCE_BYTES);
  }
  return out;
}

function xorStream(key: Uint8Array, nonce: Uint8Array, data: Uint8Array): Buffer {
  const out = Buffer.from(data);
  for (let at = 0; at < out.length; at += BATCH_BLOCKS * BLOCK) {
    const part = out.subarray(at, at + BATCH_BLOCKS * BLOCK);
    const stream = encipher(key, counters(nonce, 2 + at / BLOCK, Math.ceil(part.length / BLOCK)));
    for (let i = 0; i < part.length; i += 1) part[i]! ^= stream[i]!;
  }
  return out;
}

function tagOf(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, ciphertext: Uint8Array): Buffer {
  const lengths = Buffer.alloc(BLOCK);
  lengths.writeBigUInt64BE(BigInt(aad.length) * 8n, 0);
  lengths.writeBigUInt64BE(BigInt(ciphertext.length) * 8n, 8);
  const mask = encipher(key, Buffer.concat([Buffer.alloc(BLOCK), counters(nonce, 1, 1)]));
  const digest = ghash(toInteger(mask.subarray(0, BLOCK)), aad, ciphertext, lengths);
  for (let i = 0; i < BLOCK; i += 1) digest[i]! ^= mask[BLOCK + i]!;
  return digest;
}

/** SM4-GCM over the block cipher of sm-crypto (plain JavaScript): the fallback where libgcrypt cannot be had. */
export function openSmCryptoSm4(): Sm4Gcm {
  const check = (key: Uint8Array, nonce: Uint8Array) => {
    if (key.length !== SM4_KEY_BYTES || nonce.length !== GCM_NONCE_BYTES)
      throw cryptoError('key-invalid', 'SM4-GCM takes a key of 16 bytes and a nonce of 12');
  };
  return {
    name: 'sm-crypto',
    async seal(key, nonce, aad, plaintext) {
      check(key, nonce);
      const ciphertext = xorStream(key, nonce, plaintext);
      return Buffer.concat([ciphertext, tagOf(key, nonce, aad, ciphertext)]);
    },
    async open(key, nonce, aad, sealed) {
      check(key, nonce);
      if (sealed.length < GCM_TAG_BYTES) throw cryptoError('sealed-data-invalid', 'shorter than its tag');
      const ciphertext = sealed.subarray(0, sealed.length - GCM_TAG_BYTES);
      if (!timingSafeEqual(tagOf(key, nonce, aad, ciphertext), sealed.subarray(ciphertext.length)))
        throw cryptoError('sealed-data-invalid', 'the tag differs');
      return xorStream(key, nonce, ciphertext);
    },
  };
}

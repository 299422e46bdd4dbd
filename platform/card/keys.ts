import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { SealfolioError } from '../../domain/errors.ts';
import { sm2 } from '../crypto/index.ts';
import type { Card } from './card.ts';

/** Keys of a member that are made in software and wrapped by the card (design §5). */
export const KeyName = {
  /** SM2: signs transactions, votes and catalogues. */
  ledger: 'ledger',
  /** SM2: seals packages. */
  seal: 'seal',
  /** Makes opaque archive ids. */
  locator: 'locator',
  /** SM4: encrypts what Temporal keeps. */
  payload: 'payload',
} as const;
export type KeyName = (typeof KeyName)[keyof typeof KeyName];

interface WrappedHex {
  wrappedKey: string;
  keyId: string;
  publicKey?: string;
}
export type KeysDocument = Record<KeyName, WrappedHex>;

const SYMMETRIC_BYTES: Partial<Record<KeyName, number>> = { locator: 32, payload: 16 };

/** Makes a member's keys, wrapped; also what other members need: the public keys. */
export async function createKeys(card: Card): Promise<KeysDocument> {
  const wrap = async (key: Buffer, publicKey?: Buffer): Promise<WrappedHex> => {
    const { wrappedKey, keyId } = await card.wrapKey(key);
    return {
      wrappedKey: wrappedKey.toString('hex'),
      keyId,
      ...(publicKey && { publicKey: publicKey.toString('hex') }),
    };
  };
  const make = (name: KeyName) => {
    const bytes = SYMMETRIC_BYTES[name];
    if (bytes !== undefined) return wrap(randomBytes(bytes));
    const { privateKey, publicKey } = sm2.generateKeyPair();
    return wrap(privateKey, publicKey);
  };
  const entries = await Promise.all(Object.values(KeyName).map(async (name) => [name, await make(name)] as const));
  return Object.fromEntries(entries) as KeysDocument;
}

/** Unwraps a member's keys when they are first needed, and holds them in memory only. Throws card-unavailable. */
export class MemberKeys {
  readonly #keys = new Map<KeyName, Promise<Buffer>>();
  readonly #document: KeysDocument;

  constructor(
    file: string,
    private readonly card: Card,
  ) {
    this.#document = JSON.parse(readFileSync(file, 'utf8')) as KeysDocument;
  }

  get(name: KeyName): Promise<Buffer> {
    const known = this.#keys.get(name);
    if (known !== undefined) return known;
    const { wrappedKey, keyId } = this.#document[name];
    const key = this.card.unwrapKey(Buffer.from(wrappedKey, 'hex'), keyId);
    this.#keys.set(name, key);
    key.catch(() => this.#keys.delete(name));
    return key;
  }

  publicKey(name: KeyName): Buffer {
    const { publicKey } = this.#document[name];
    if (publicKey === undefined) throw new SealfolioError('key-invalid', { name, reason: 'not a key pair' });
    return Buffer.from(publicKey, 'hex');
  }
}

import { readFileSync } from 'node:fs';
import { timingSafeEqual } from 'node:crypto';
import pkcs11js, { type Handle } from 'pkcs11js';
import { isSealfolioError, SealfolioError } from '../../domain/errors.ts';
import type { Card, CardCause, CardConfig, CardStatus } from './card.ts';
import { acquireModule, type Module, releaseModule } from './module.ts';
import { type MechanismProfile, PROFILES } from './profiles.ts';

export const KEK_LABEL = 'sealfolio-kek';
export const MAC_LABEL = 'sealfolio-mac';
const MIN_KEY_BYTES = 16;
const MAX_KEY_BYTES = 64;

/** PKCS#11 return values (v2.40 §6.1) as the cause people are told. */
const CAUSES = new Map<number, CardCause>([
  [pkcs11js.CKR_PIN_INCORRECT, 'pin-incorrect'],
  [pkcs11js.CKR_PIN_INVALID, 'pin-incorrect'],
  [pkcs11js.CKR_PIN_LEN_RANGE, 'pin-incorrect'],
  [pkcs11js.CKR_PIN_LOCKED, 'pin-locked'],
  [pkcs11js.CKR_PIN_EXPIRED, 'pin-locked'],
  [pkcs11js.CKR_SESSION_HANDLE_INVALID, 'session-lost'],
  [pkcs11js.CKR_SESSION_CLOSED, 'session-lost'],
  [pkcs11js.CKR_USER_NOT_LOGGED_IN, 'session-lost'],
  [pkcs11js.CKR_KEY_HANDLE_INVALID, 'session-lost'],
  [pkcs11js.CKR_OBJECT_HANDLE_INVALID, 'session-lost'],
  [pkcs11js.CKR_WRAPPING_KEY_HANDLE_INVALID, 'session-lost'],
  [pkcs11js.CKR_UNWRAPPING_KEY_HANDLE_INVALID, 'session-lost'],
  [pkcs11js.CKR_TOKEN_NOT_PRESENT, 'removed'],
  [pkcs11js.CKR_TOKEN_NOT_RECOGNIZED, 'removed'],
  [pkcs11js.CKR_DEVICE_REMOVED, 'removed'],
  [pkcs11js.CKR_DEVICE_ERROR, 'removed'],
  [pkcs11js.CKR_SLOT_ID_INVALID, 'removed'],
  [pkcs11js.CKR_GENERAL_ERROR, 'removed'],
]);

/** Return values that speak of the data given, not of the card. */
const BAD_INPUT = new Set<number>([
  pkcs11js.CKR_WRAPPED_KEY_INVALID,
  pkcs11js.CKR_WRAPPED_KEY_LEN_RANGE,
  pkcs11js.CKR_ENCRYPTED_DATA_INVALID,
  pkcs11js.CKR_ENCRYPTED_DATA_LEN_RANGE,
]);

const returnValue = (error: unknown) => (error as { code?: unknown } | null)?.code;

export function unavailable(cause: CardCause, error?: unknown): SealfolioError {
  return new SealfolioError('card-unavailable', { cause }, { cause: error });
}

interface Connection {
  module: Module;
  /** Free sessions; a verb takes one and gives it back. */
  free: Handle[];
  waiting: ((session: Handle) => void)[];
  all: Handle[];
  kek: Handle;
  mac: Handle;
  keyId: string;
  info: Pick<CardStatus, 'manufacturer' | 'model' | 'serial' | 'firmware'>;
}

/** A card behind a PKCS#11 module: a pool of logged-in sessions, made anew after a loss. */
export class Pkcs11Card implements Card {
  readonly #config: CardConfig;
  readonly #profile: MechanismProfile;
  #connection: Connection | undefined;
  #cause: CardCause | undefined;
  #since = new Date();
  #operations = 0;
  #closed = false;
  /** A PIN that the card refused is not shown to it again: each try counts towards locking it. */
  #refusedPin: string | undefined;

  constructor(config: CardConfig) {
    const profile = PROFILES[config.profile];
    if (profile === undefined) throw new SealfolioError('config-invalid', { field: 'card.profile' });
    this.#config = config;
    this.#profile = profile;
  }

  status(): CardStatus {
    const { profile, tokenLabel } = this.#config;
    return {
      state: this.#connection === undefined ? 'unavailable' : 'ready',
      ...(this.#cause !== undefined && { cause: this.#cause }),
      since: this.#since.toISOString(),
      profile,
      tokenLabel,
      ...this.#connection?.info,
      sessions: this.#connection?.all.length ?? 0,
      signingKeys: this.#profile.signingKeys,
      operations: this.#operations,
    };
  }

  async selfTest(): Promise<void> {
    const key = Buffer.from('0123456789abcdeffedcba9876543210', 'hex');
    const digest = Buffer.alloc(32, 0x5a);
    const { wrappedKey, keyId } = await this.wrapKey(key);
    const good =
      (await this.unwrapKey(wrappedKey, keyId)).equals(key) &&
      !wrappedKey.includes(key) &&
      (await this.verifyMac(digest, await this.mac(digest))) &&
      !(await this.verifyMac(Buffer.alloc(32), await this.mac(digest))) &&
      !(await this.random(32)).equals(await this.random(32));
    if (!good) throw this.#lost('self-test');
  }

  random(bytes: number): Promise<Buffer> {
    return this.#use(async ({ module }, session) => module.pkcs11.C_GenerateRandom(session, Buffer.alloc(bytes)));
  }

  wrapKey(key: Uint8Array): Promise<{ wrappedKey: Buffer; keyId: string }> {
    if (key.length < MIN_KEY_BYTES || key.length > MAX_KEY_BYTES || key.length % 8 !== 0)
      throw new SealfolioError('key-invalid', { reason: 'a key to wrap is 16 to 64 bytes, a multiple of 8' });
    return this.#use(async ({ module: { pkcs11 }, kek, keyId }, session) => {
      const object = pkcs11.C_CreateObject(session, [
        ...SESSION_SECRET,
        { type: pkcs11js.CKA_VALUE, value: Buffer.from(key) },
      ]);
      try {
        const out = Buffer.alloc(MAX_KEY_BYTES + 16);
        const wrappedKey = await pkcs11.C_WrapKeyAsync(session, this.#mechanism('wrap'), kek, object, out);
        return { wrappedKey: Buffer.from(wrappedKey), keyId };
      } finally {
        pkcs11.C_DestroyObject(session, object);
      }
    });
  }

  unwrapKey(wrappedKey: Uint8Array, keyId: string): Promise<Buffer> {
    return this.#use(async ({ module: { pkcs11 }, kek, mac, keyId: own }, session) => {
      if (keyId !== own) throw new SealfolioError('wrapped-key-invalid', { reason: 'wrapped under another key' });
      const object = await pkcs11
        .C_UnwrapKeyAsync(session, this.#mechanism('wrap'), kek, Buffer.from(wrappedKey), SESSION_SECRET)
        .catch((error: unknown) => {
          // SoftHSM says GENERAL_ERROR of a damaged key too; a card that still authenticates is not at fault.
          if (returnValue(error) !== pkcs11js.CKR_GENERAL_ERROR) throw error;
          pkcs11.C_SignInit(session, this.#mechanism('mac'), mac);
          pkcs11.C_Sign(session, Buffer.alloc(32), Buffer.alloc(this.#profile.macBytes));
          throw new SealfolioError('wrapped-key-invalid', { reason: 'the card does not unwrap it' }, { cause: error });
        });
      try {
        const [value] = pkcs11.C_GetAttributeValue(session, object, [{ type: pkcs11js.CKA_VALUE }]);
        return Buffer.from(value!.value as Buffer);
      } finally {
        pkcs11.C_DestroyObject(session, object);
      }
    });
  }

  mac(digest: Uint8Array): Promise<Buffer> {
    if (digest.length !== 32) throw new SealfolioError('key-invalid', { reason: 'a MAC is over a digest of 32 bytes' });
    return this.#use(async ({ module: { pkcs11 }, mac }, session) => {
      pkcs11.C_SignInit(session, this.#mechanism('mac'), mac);
      const out = Buffer.alloc(this.#profile.macBytes);
      return Buffer.from(await pkcs11.C_SignAsync(session, Buffer.from(digest), out));
    });
  }

  async verifyMac(digest: Uint8Array, mac: Uint8Array): Promise<boolean> {
    const expected = await this.mac(digest);
    return expected.length === mac.length && timingSafeEqual(expected, mac);
  }

  close(): void {
    this.#closed = true;
    this.#disconnect();
  }

  #mechanism(verb: 'wrap' | 'mac') {
    return { mechanism: this.#profile[verb] };
  }

  /** Runs one verb on a session of its own; on a failure it connects anew once, which tells a lost session from a removed card. */
  async #use<T>(verb: (connection: Connection, session: Handle) => Promise<T>, retry = true): Promise<T> {
    const connection = this.#connect();
    const session = connection.free.pop() ?? (await new Promise<Handle>((take) => connection.waiting.push(take)));
    try {
      const result = await verb(connection, session);
      this.#operations += 1;
      return result;
    } catch (error) {
      if (isSealfolioError(error)) throw error;
      if (BAD_INPUT.has(returnValue(error) as number))
        throw new SealfolioError('wrapped-key-invalid', { reason: 'the card does not unwrap it' }, { cause: error });
      const cause = CAUSES.get(returnValue(error) as number) ?? 'module';
      if (this.#connection === connection) this.#disconnect();
      if (retry) return await this.#use(verb, false);
      throw this.#lost(cause, error);
    } finally {
      const next = connection.waiting.shift();
      if (next !== undefined) next(session);
      else connection.free.push(session);
    }
  }

  #connect(): Connection {
    if (this.#connection !== undefined) return this.#connection;
    if (this.#closed) throw unavailable('session-lost');
    let module: Module | undefined;
    try {
      module = acquireModule(this.#config.modulePath, this.#config.softhsmConf);
      this.#connection = this.#open(module);
      if (this.#cause !== undefined) this.#since = new Date();
      this.#cause = undefined;
      return this.#connection;
    } catch (error) {
      if (module !== undefined) releaseModule(module);
      if (isSealfolioError(error, 'card-unavailable')) throw this.#lost(error.data.cause as CardCause, error);
      throw this.#lost(CAUSES.get(returnValue(error) as number) ?? 'module', error);
    }
  }

  #open(module: Module): Connection {
    const { pkcs11 } = module;
    const slot = pkcs11
      .C_GetSlotList(true)
      .find((candidate) => pkcs11.C_GetTokenInfo(candidate).label.trim() === this.#config.tokenLabel);
    if (slot === undefined) throw unavailable('removed');
    const all = Array.from({ length: this.#config.sessions }, () =>
      pkcs11.C_OpenSession(slot, pkcs11js.CKF_SERIAL_SESSION | pkcs11js.CKF_RW_SESSION),
    );
    const first = all[0]!;
    this.#login(pkcs11, first);
    const token = pkcs11.C_GetTokenInfo(slot);
    const kek = findKey(pkcs11, first, KEK_LABEL);
    const [id] = pkcs11.C_GetAttributeValue(first, kek, [{ type: pkcs11js.CKA_ID }]);
    return {
      module,
      all,
      free: [...all],
      waiting: [],
      kek,
      mac: findKey(pkcs11, first, MAC_LABEL),
      keyId: (id!.value as Buffer).toString('hex'),
      info: {
        manufacturer: token.manufacturerID.trim(),
        model: token.model.trim(),
        serial: token.serialNumber.trim(),
        firmware: `${token.firmwareVersion.major}.${token.firmwareVersion.minor}`,
      },
    };
  }

  #login(pkcs11: pkcs11js.PKCS11, session: Handle): void {
    const pin = readFileSync(this.#config.pinFile, 'utf8').trim();
    if (pin === this.#refusedPin) throw unavailable('pin-incorrect');
    try {
      pkcs11.C_Login(session, pkcs11js.CKU_USER, pin);
    } catch (error) {
      if (returnValue(error) === pkcs11js.CKR_USER_ALREADY_LOGGED_IN) return;
      if (CAUSES.get(returnValue(error) as number) === 'pin-incorrect') this.#refusedPin = pin;
      throw error;
    }
    this.#refusedPin = undefined;
  }

  #lost(cause: CardCause, error?: unknown): SealfolioError {
    if (this.#cause !== cause) this.#since = new Date();
    this.#cause = cause;
    return unavailable(cause, error);
  }

  #disconnect(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#connection = undefined;
    for (const session of connection.all)
      try {
        connection.module.pkcs11.C_CloseSession(session);
      } catch {
        // The session is gone already, which is what is wanted.
      }
    try {
      releaseModule(connection.module);
    } catch {
      // A module whose card was pulled may refuse to finalize; the next connection initialises it anew.
    }
  }
}

/** A secret that lives in one session and leaves it as bytes: what wrap and unwrap work on. */
const SESSION_SECRET = [
  { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_SECRET_KEY },
  { type: pkcs11js.CKA_KEY_TYPE, value: pkcs11js.CKK_GENERIC_SECRET },
  { type: pkcs11js.CKA_TOKEN, value: false },
  { type: pkcs11js.CKA_SENSITIVE, value: false },
  { type: pkcs11js.CKA_EXTRACTABLE, value: true },
];

function findKey(pkcs11: pkcs11js.PKCS11, session: Handle, label: string): Handle {
  pkcs11.C_FindObjectsInit(session, [
    { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_SECRET_KEY },
    { type: pkcs11js.CKA_LABEL, value: label },
  ]);
  const found = pkcs11.C_FindObjects(session, 1);
  pkcs11.C_FindObjectsFinal(session);
  if (found.length === 0) throw unavailable('removed', new Error(`the token holds no key ${label}`));
  return found[0]!;
}

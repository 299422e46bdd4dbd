/** Why the card does not answer; shown to people and in problem+json. */
export type CardCause = 'removed' | 'pin-incorrect' | 'pin-locked' | 'session-lost' | 'module' | 'self-test';

export interface CardConfig {
  /** The PKCS#11 library of the vendor, or SoftHSM's. */
  modulePath: string;
  tokenLabel: string;
  /** File with the user PIN, read at every login and kept nowhere. */
  pinFile: string;
  profile: string;
  sessions: number;
  /** SoftHSM only: its configuration file, given to it as SOFTHSM2_CONF. */
  softhsmConf?: string | undefined;
}

export interface CardStatus {
  state: 'ready' | 'unavailable';
  cause?: CardCause;
  since: string;
  profile: string;
  tokenLabel: string;
  manufacturer?: string;
  model?: string;
  serial?: string;
  firmware?: string;
  sessions: number;
  /** Where signing keys live: in the card, or in software wrapped under its key (design §5). */
  signingKeys: 'card' | 'wrapped';
  operations: number;
}

export interface WrappedKey {
  wrappedKey: Buffer;
  /** Names the key-encryption key, so that a rotation can tell what is still under the old one. */
  keyId: string;
}

/**
 * The verbs this system needs of a crypto card (PKCS#11 v2.40). Everything throws SealfolioError `card-unavailable`
 * with `cause` while the card does not answer; the next call tries it again, so work goes on by itself. Never a fallback.
 */
export interface Card {
  status(): CardStatus;
  /** Known-answer and round-trip test of every verb; also run at each connection. */
  selfTest(): Promise<void>;
  random(bytes: number): Promise<Buffer>;
  /** Wraps a key of 16 to 64 bytes (a multiple of 8) under the card's key-encryption key. */
  wrapKey(key: Uint8Array): Promise<WrappedKey>;
  /** Throws `wrapped-key-invalid` if it was not wrapped by this key of this card. */
  unwrapKey(wrappedKey: Uint8Array, keyId: string): Promise<Buffer>;
  /** MAC of a 32-byte digest under the card's MAC key. */
  mac(digest: Uint8Array): Promise<Buffer>;
  verifyMac(digest: Uint8Array, mac: Uint8Array): Promise<boolean>;
  close(): void;
}

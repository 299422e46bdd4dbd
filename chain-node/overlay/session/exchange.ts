import { createECDH, type ECDH } from 'node:crypto';
import { SM2_PUBLIC_KEY_BYTES } from '../../../platform/crypto/index.ts';
import { OverlayError } from '../errors.ts';

const SHARED_BYTES = 32;

/** One end's part of a Diffie-Hellman exchange on the SM2 curve (GB/T 32918.5), for one use. */
export class Ephemeral {
  #ecdh: ECDH | null = createECDH('SM2');
  readonly publicKey: Buffer;

  /** `privateKey`: a known one, for test vectors. */
  constructor(privateKey?: Uint8Array) {
    const ecdh = this.#ecdh!;
    if (privateKey === undefined) ecdh.generateKeys();
    else ecdh.setPrivateKey(privateKey);
    this.publicKey = ecdh.getPublicKey();
  }

  /**
   * The shared x-coordinate, 32 bytes; the private key is gone afterwards. Throws `protocol` on what is no point of the
   * curve, or our own. The curve has cofactor 1, so every point of it has the full order.
   */
  shared(peer: Buffer): Buffer {
    const ecdh = this.#ecdh;
    this.#ecdh = null;
    if (ecdh === null) throw new OverlayError('protocol', 'an exchange is used once');
    if (peer.length !== SM2_PUBLIC_KEY_BYTES || peer[0] !== 4 || peer.equals(this.publicKey))
      throw new OverlayError('protocol', 'exchange key');
    try {
      const secret = ecdh.computeSecret(peer);
      return Buffer.concat([Buffer.alloc(SHARED_BYTES - secret.length), secret]);
    } catch {
      throw new OverlayError('protocol', 'exchange key is not on the curve');
    }
  }
}

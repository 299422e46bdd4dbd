import { randomBytes } from 'node:crypto';
import type { Payload, PayloadCodec } from '@temporalio/common';
import { temporal } from '@temporalio/proto';
import { SealfolioError } from '../../domain/errors.ts';
import { GCM_NONCE_BYTES, sm4gcm } from '../crypto/index.ts';

const ENCODING = Buffer.from('binary/sm4-gcm');
const AAD = Buffer.from('sealfolio/payload/1');
const { Payload: Proto } = temporal.api.common.v1;

/** Encrypts whatever Temporal keeps of a workflow: SM4-GCM under a key that the card wraps. */
export class EncryptingCodec implements PayloadCodec {
  constructor(private readonly key: () => Promise<Buffer>) {}

  async encode(payloads: Payload[]): Promise<Payload[]> {
    const key = await this.key();
    return Promise.all(
      payloads.map(async (payload) => {
        const nonce = randomBytes(GCM_NONCE_BYTES);
        const sealed = await sm4gcm.seal(key, nonce, AAD, Buffer.from(Proto.encode(payload).finish()));
        return { metadata: { encoding: ENCODING }, data: Buffer.concat([nonce, sealed]) };
      }),
    );
  }

  /** Throws payload-invalid if a payload is not what was encoded. What other tools wrote in clear passes. */
  async decode(payloads: Payload[]): Promise<Payload[]> {
    return Promise.all(
      payloads.map(async (payload) => {
        const encoding = payload.metadata?.encoding;
        if (encoding === undefined || encoding === null || !ENCODING.equals(encoding)) return payload;
        const data = Buffer.from(payload.data ?? []);
        try {
          const [nonce, sealed] = [data.subarray(0, GCM_NONCE_BYTES), data.subarray(GCM_NONCE_BYTES)];
          return Proto.decode(await sm4gcm.open(await this.key(), nonce, AAD, sealed));
        } catch (error) {
          throw new SealfolioError('payload-invalid', { reason: 'not encrypted by this member' }, { cause: error });
        }
      }),
    );
  }
}

import type { Request } from 'express';
import { SealfolioError } from '../../domain/errors.ts';
import type { ActorProof } from '../../domain/trace.ts';
import type { Card } from '../../platform/card/card.ts';
import { sm3 } from '../../platform/crypto/index.ts';
import { contentDigestOf, isSignedBy, parseSignature } from '../../platform/http/signature.ts';
import type { App, Store } from '../../platform/store/index.ts';
import type { Actor } from '../route.ts';

const MAX_SKEW_MS = 5 * 60_000;
const KNOWN_MS = 10_000;
const DUPLICATE_KEY = 11_000;

/** A request whose JSON body was read keeps its bytes. */
export interface RawRequest extends Request {
  rawBody?: Buffer;
}

const refuse = (code: string, field: string, reason: string) => new SealfolioError(code, { field, reason });

/** What its signature was checked with. */
const proofOf = ({ kind, publicKey }: App): ActorProof =>
  kind === 'sm2' ? { kind, key: sm3(Buffer.from(publicKey!, 'hex')).toString('hex') } : { kind };

const actorOf = (app: App): Actor => ({
  type: 'app',
  id: app.appId,
  displayName: app.name,
  roles: [],
  permissions: app.permissions,
  principals: [],
});

/** Systems: each request is signed by the app's key (platform/http/signature.ts), and taken once. */
export class Apps {
  /** A revoked app is refused after this long at the latest. */
  readonly #known = new Map<string, { app: App; until: number }>();
  readonly #secrets = new Map<string, Promise<Buffer>>();

  constructor(
    private readonly store: Store,
    private readonly card: Card,
  ) {}

  /** Throws signature-invalid, signature-expired or nonce-used. */
  async authenticate(request: RawRequest): Promise<Actor> {
    const [input, value] = [request.header('signature-input'), request.header('signature')];
    const parsed = parseSignature(input ?? '', value ?? '');
    if (parsed === null) throw refuse('signature-invalid', 'Signature-Input', 'not of the form that is taken here');
    const { parameters, hasDigest, signature } = parsed;
    const contentDigest = request.header('content-digest');
    const body = request.rawBody;
    if (body !== undefined && body.length > 0 && (!hasDigest || contentDigest !== contentDigestOf(body)))
      throw refuse('signature-invalid', 'Content-Digest', 'not the digest of the body');
    if (Math.abs(Date.now() - parameters.created * 1000) > MAX_SKEW_MS)
      throw refuse('signature-expired', 'Signature-Input', 'created');
    const app = await this.#find(parameters.keyId);
    const parts = {
      method: request.method,
      target: request.originalUrl,
      contentDigest: hasDigest ? (contentDigest ?? '') : undefined,
    };
    const isRightKind = app !== null && parameters.algorithm === (app.kind === 'sm2' ? 'sm2-sm3' : 'hmac-sha256');
    if (!isRightKind || !isSignedBy(parts, parameters, signature, await this.#keyOf(app)))
      throw refuse('signature-invalid', 'Signature', 'wrong key or wrong signature');
    await this.#use(parameters.keyId, parameters.nonce);
    return { ...actorOf(app), proof: proofOf(app) };
  }

  /** The system that a request says it is of, though it has not proven it: it may do nothing. Null if there is none. */
  async claimed(request: RawRequest): Promise<Actor | null> {
    const parsed = parseSignature(request.header('signature-input') ?? '', request.header('signature') ?? '');
    const app = parsed === null ? null : await this.#find(parsed.parameters.keyId);
    return app === null ? null : { ...actorOf(app), permissions: [] };
  }

  async #find(appId: string): Promise<App | null> {
    const known = this.#known.get(appId);
    if (known !== undefined && known.until > Date.now()) return known.app;
    const app = await this.store.models.App.findOne({ appId, disabled: false }).lean<App>();
    if (app === null) this.#known.delete(appId);
    else this.#known.set(appId, { app, until: Date.now() + KNOWN_MS });
    return app;
  }

  async #use(appId: string, nonce: string): Promise<void> {
    try {
      await this.store.models.UsedNonce.collection.insertOne(
        { key: `${appId}/${nonce}`, expiresAt: new Date(Date.now() + 2 * MAX_SKEW_MS) },
        { writeConcern: { w: 1, j: false } },
      );
    } catch (error) {
      if ((error as { code?: number }).code === DUPLICATE_KEY) throw refuse('nonce-used', 'Signature-Input', 'nonce');
      throw error;
    }
  }

  #keyOf({ appId, kind, publicKey, secret }: App): Promise<Buffer> {
    if (kind === 'sm2') return Promise.resolve(Buffer.from(publicKey!, 'hex'));
    const known = this.#secrets.get(appId);
    if (known !== undefined) return known;
    const wrapped = secret!.wrappedKey as Buffer | { buffer: Uint8Array };
    const key = this.card.unwrapKey(Buffer.isBuffer(wrapped) ? wrapped : Buffer.from(wrapped.buffer), secret!.keyId);
    this.#secrets.set(appId, key);
    key.catch(() => this.#secrets.delete(appId));
    return key;
  }
}

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { type Change, memberKeyMessage } from '../../chain-node/codec/change.ts';
import type { Role } from '../../chain-node/codec/member.ts';
import type { ReadNodeConfig } from '../../chain-node/config.ts';
import { readGenesis } from '../../chain-node/genesis.ts';
import { openCard } from '../../platform/card/index.ts';
import { nameSchema } from '../../platform/config/schemas.ts';
import {
  makeCertificateRequest,
  readCertificateRequest,
  type RequestedCertificate,
} from '../../platform/crypto/certificate-request.ts';
import { isSealfolioError } from '../../domain/errors.ts';
import { sm2 } from '../../platform/crypto/index.ts';
import { generateTlsKey } from '../../platform/crypto/x509.ts';
import { MemberError } from './errors.ts';
import { unwrapKey } from './own-node.ts';

const schema = z.strictObject({
  chainId: nameSchema,
  memberId: nameSchema,
  name: z.string().min(1).max(128),
  role: z.enum(['validator', 'observer']),
  /** SM2, and its signature over memberKeyMessage. */
  publicKey: z.string().regex(/^04[0-9a-f]{128}$/),
  proof: z.string().regex(/^[0-9a-f]{128}$/),
  /** PKCS#10 (DER) for the TLS key. */
  request: z.base64().max(6000),
});
/** What a hospital hands to the members: it holds no secret. */
export type JoinRequest = z.output<typeof schema>;

const writeNew = (file: string, content: string) => writeFileSync(file, content, { mode: 0o600, flag: 'wx' });

/** The key in this file, made and wrapped by the card if there is none. */
async function ledgerKey(config: ReadNodeConfig, file: string): Promise<Buffer> {
  if (existsSync(file)) return unwrapKey(config, file);
  const card = await openCard(config.card);
  try {
    const { privateKey } = sm2.generateKeyPair();
    const { wrappedKey, keyId } = await card.wrapKey(privateKey);
    writeNew(file, JSON.stringify({ wrappedKey: wrappedKey.toString('hex'), keyId }, null, 2));
    return privateKey;
  } finally {
    card.close();
  }
}

/**
 * What a node asks to be a member with: its ledger key (`nextKeyFile` if the configuration names one, as it is to
 * replace the present one) and its TLS key, each made if it is not there, never overwritten.
 */
export async function makeRequest(
  config: ReadNodeConfig,
  asked: { name: string; role: Role; dnsNames: readonly string[]; ipAddresses: readonly string[] },
): Promise<JoinRequest> {
  const { memberId, p2p } = config;
  const { chainId } = readGenesis(config.genesisFile);
  const privateKey = await ledgerKey(config, config.nextKeyFile ?? config.keyFile);
  const publicKey = sm2.publicKeyOf(privateKey);
  const proof = sm2.sign(privateKey, memberKeyMessage(chainId, memberId, publicKey));
  privateKey.fill(0);
  if (!existsSync(p2p.keyFile)) writeNew(p2p.keyFile, generateTlsKey().pem);
  const { dnsNames, ipAddresses } = asked;
  const tlsKey = readFileSync(p2p.keyFile, 'utf8');
  return {
    chainId,
    memberId,
    name: asked.name,
    role: asked.role,
    publicKey: publicKey.toString('hex'),
    proof: proof.toString('hex'),
    request: makeCertificateRequest(tlsKey, { subject: memberId, dnsNames, ipAddresses }).toString('base64'),
  };
}

/** The certificate that is asked for, once it is sure that the TLS key asks for itself, in this member's name. Throws request-invalid. */
export function requestedCertificate(memberId: string, request: Uint8Array): RequestedCertificate {
  let requested: RequestedCertificate;
  try {
    requested = readCertificateRequest(request);
  } catch (error) {
    if (!isSealfolioError(error)) throw error;
    throw new MemberError('request-invalid', `certificate request: ${String(error.data.reason)}`);
  }
  if (requested.subject !== memberId)
    throw new MemberError('request-invalid', `the certificate request is in the name of ${requested.subject}`);
  return requested;
}

/** A request that somebody handed over. Throws request-invalid. */
export function readRequest(file: string): JoinRequest {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new MemberError('request-invalid', `${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new MemberError('request-invalid', `${file}: ${issue!.path.join('.') || '(whole)'}: ${issue!.message}`);
  }
  checkRequest(parsed.data);
  return parsed.data;
}

function checkRequest({ chainId, memberId, publicKey, proof, request }: JoinRequest): void {
  requestedCertificate(memberId, Buffer.from(request, 'base64'));
  const key = Buffer.from(publicKey, 'hex');
  let holds = false;
  try {
    holds = sm2.verify(key, memberKeyMessage(chainId, memberId, key), Buffer.from(proof, 'hex'));
  } catch (error) {
    if (!isSealfolioError(error)) throw error;
  }
  if (!holds) throw new MemberError('request-invalid', 'the ledger key did not sign for itself');
}

/** The change that adopts a request. */
export function changeFor({ memberId, name, role, publicKey, proof, request }: JoinRequest): Change {
  return {
    type: 'set',
    height: 0, // as soon as it is adopted
    member: { memberId, name, role, publicKey: Buffer.from(publicKey, 'hex') },
    proof: Buffer.from(proof, 'hex'),
    request: Buffer.from(request, 'base64'),
  };
}

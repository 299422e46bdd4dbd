import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { approvalsNeeded, OPEN_FOR_BLOCKS } from '../../chain-node/state/governance.ts';
import { changeIdOf, encodeChange, txTypeOf } from '../../chain-node/codec/change.ts';
import { type Member, validatorsOf } from '../../chain-node/codec/member.ts';
import { fingerprintOf, readPolicy } from '../../chain-node/overlay/policy.ts';
import { generateTlsKey, issueCertificate, p256Issuer, toPem } from '../../platform/crypto/x509.ts';
import { subjectOf } from '../../platform/crypto/certificate-request.ts';
import { MemberError } from './errors.ts';
import type { OwnNode } from './own-node.ts';
import { changeFor, type JoinRequest, requestedCertificate } from './request.ts';

const DAY_MS = 86_400_000;
const PAGE = 100;

const recordsSchema = z.array(z.object({ index: z.number(), height: z.number(), sender: z.string() }));
const membersSchema = z.array(
  z.object({
    memberId: z.string(),
    name: z.string(),
    publicKey: z.string().transform((hex) => Buffer.from(hex, 'hex')),
    role: z.enum(['validator', 'observer']),
  }),
);

/** The members' words for a change, as the log has them, in order. */
async function approvalsOf(node: OwnNode, id: string): Promise<{ height: number; sender: string }[]> {
  const found: z.output<typeof recordsSchema> = [];
  for (let from = 0; ; from = found.at(-1)!.index + 1) {
    const page = await node.get(`/v1/records?stream=chain.member&key=${id}&from=${from}&limit=${PAGE}`, recordsSchema);
    found.push(...page);
    if (page.length < PAGE) return found;
  }
}

/** Throws not-adopted unless the chain says that the members adopted exactly this request, and it still holds. */
export async function checkAdopted(node: OwnNode, request: JoinRequest): Promise<void> {
  const refuse = (reason: string) => new MemberError('not-adopted', reason);
  const { members, open } = await node.governance();
  const change = changeFor(request);
  const id = changeIdOf(txTypeOf(change), encodeChange(change)).toString('hex');
  const present = members.find(({ memberId }) => memberId === request.memberId);
  if (present?.publicKey !== request.publicKey) {
    const waiting = open.find((one) => one.id === id);
    if (waiting !== undefined) throw refuse(`${waiting.approvals.length} of ${waiting.needed} approvals are there`);
    throw refuse('no member in force has this id and key');
  }
  const approvals = await approvalsOf(node, id);
  let openedAt = 0;
  let senders = new Set<string>();
  for (const { height, sender } of approvals) {
    if (senders.size === 0 || height > openedAt + OPEN_FOR_BLOCKS) {
      openedAt = height;
      senders = new Set();
    }
    senders.add(sender);
    const then: Member[] = await node.get(`/v1/members?height=${height}`, membersSchema);
    const count = validatorsOf(then).filter((memberId) => senders.has(memberId)).length;
    if (count >= approvalsNeeded(change, then)) return;
  }
  throw refuse('the member is there, but by another request');
}

/** An authority that certificates are issued by: its certificate, and its key (PKCS#8), both PEM. */
export interface AuthorityFiles {
  certFile: string;
  keyFile: string;
}

/** The certificate (PEM) that an adopted request asks for. Throws not-adopted, authority-unknown, request-invalid. */
export async function issue(
  node: OwnNode,
  request: JoinRequest,
  { certFile, keyFile }: AuthorityFiles,
  days: number,
): Promise<string> {
  await checkAdopted(node, request);
  const authority = new X509Certificate(readFileSync(certFile));
  const read = readPolicy(Buffer.from((await node.governance()).policy.document, 'utf8'));
  const authorities = 'policy' in read ? read.policy.authorities : [];
  if (authorities.length > 0 && !authorities.some(({ sha256 }) => sha256 === fingerprintOf(authority)))
    throw new MemberError('authority-unknown', 'the policy does not list this authority: nobody would take it');
  const issuer = p256Issuer(readFileSync(keyFile, 'utf8'));
  if (issuer.algorithm !== 'p256' || !authority.checkPrivateKey(issuer.privateKey))
    throw new MemberError('authority-unknown', 'the key is not that of the authority’s certificate');
  const now = Date.now();
  const notAfter = new Date(Math.min(now + days * DAY_MS, Date.parse(authority.validTo)));
  const names = requestedCertificate(request.memberId, Buffer.from(request.request, 'base64'));
  const certificate = issueCertificate(
    { kind: 'tls', ...names, issuer: subjectOf(authority.raw), notBefore: new Date(now - DAY_MS), notAfter },
    issuer,
  );
  return toPem('CERTIFICATE', certificate);
}

/** A new authority for the consortium's links: certificate and key, PEM. */
export function makeAuthority(name: string, days: number): { certificate: string; key: string } {
  const now = Date.now();
  const key = generateTlsKey();
  const names = {
    subject: name,
    issuer: name,
    notBefore: new Date(now - DAY_MS),
    notAfter: new Date(now + days * DAY_MS),
  };
  const certificate = issueCertificate({ kind: 'ca', publicKey: key.publicKey, ...names }, p256Issuer(key.pem));
  return { certificate: toPem('CERTIFICATE', certificate), key: key.pem };
}

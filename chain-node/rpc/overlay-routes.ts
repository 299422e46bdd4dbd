import type { Express } from 'express';
import { z } from 'zod';
import { nameSchema } from '../../platform/config/schemas.ts';
import { LedgerError } from '../errors.ts';
import type { Overlay } from '../overlay/index.ts';
import { checkPolicy, reachTable, serviceSchema } from '../overlay/policy.ts';
import type { Session } from '../overlay/session/session.ts';
import { type Entry, recordOf } from '../overlay/settlement/book.ts';
import { SESSION_STREAM } from '../overlay/settlement/record.ts';
import { recordJson } from './answers.ts';
import { count, limit, read } from './read.ts';

const MAX_POLICIES = 50;

function liveJson(session: Session) {
  const { id, peer, service, isInitiator, route, streams, part, startedMs, channel } = session;
  const { sent, received, rttMs, rekeys, repeated, forged } = channel;
  return {
    session: id.toString('hex'),
    peer,
    service,
    role: isInitiator ? 'initiator' : 'responder',
    relays: route?.slice(1, -1) ?? null,
    startedAt: new Date(startedMs).toISOString(),
    streams,
    part,
    bytesSent: sent.bytes,
    bytesReceived: received.bytes,
    rttMs: rttMs && Math.round(rttMs * 10) / 10,
    rekeys,
    repeated,
    forged,
  };
}

function statusJson(overlay: Overlay) {
  const { chain, links, router, attestor } = overlay;
  const { policy } = chain.policy;
  return {
    memberId: chain.memberId,
    policy: { version: chain.policy.version, faults: chain.policy.faults },
    relays: policy.relays,
    members: overlay.members(),
    links: links.all().map((link) => ({
      memberId: link.memberId,
      remote: link.remote,
      since: new Date(link.since).toISOString(),
      rttMs: link.rttMs && Math.round(link.rttMs * 10) / 10,
      lossPercent: Math.round(link.lossPercent),
      mtu: link.mtu,
      bytesIn: link.bytesIn,
      bytesOut: link.bytesOut,
    })),
    troubles: [...links.troubles].map(([memberId, { words, at }]) => ({
      memberId,
      words,
      at: new Date(at).toISOString(),
    })),
    sessions: overlay.sessions.all().map(liveJson),
    relayedBytes: router.relayedBytes,
    droppedPackets: router.droppedPackets,
    waitingForLedger: attestor.waiting,
    certificates: overlay.certificates(),
  };
}

/** A session as this end has it, what both ends attested of it, and whether that is the same. */
async function sessionJson(overlay: Overlay, entry: Entry) {
  const { key, session, part, initiator, responder, service, state, digest, place } = entry;
  const record = recordOf(entry);
  const found = await overlay.chain.records(SESSION_STREAM, Buffer.from(key, 'hex'));
  const ends = [initiator, responder];
  const attested = found.filter((one) => ends.includes(one.entry.sender));
  const digests = new Set(attested.map((one) => one.entry.record.digest.toString('hex')));
  const isBoth = ends.every((end) => attested.some((one) => one.entry.sender === end));
  const isSettled = attested.every((one) => one.entry.record.note.length === 0);
  const tally = (one: { bytes: number; records: number; digest: Buffer }) => ({
    bytes: one.bytes,
    records: one.records,
    digest: one.digest.toString('hex'),
  });
  return {
    key,
    session,
    part,
    initiator,
    responder,
    service,
    state,
    digest,
    place,
    ...(record !== null && {
      there: tally(record.there),
      back: tally(record.back),
      start: new Date(record.startMs).toISOString(),
      end: new Date(record.endMs).toISOString(),
      ending: record.ending,
      record: entry.record!.toString('base64'),
    }),
    attested: attested.map(recordJson),
    /** Null until both are on the ledger. */
    match: isBoth ? digests.size === 1 && isSettled && digests.has(digest ?? '') : null,
  };
}

/** What the overlay tells; nothing here changes it. */
export function addOverlayRoutes(app: Express, overlay: Overlay): void {
  app.get('/v1/overlay/status', (_request, response) => void response.json(statusJson(overlay)));
  app.get('/v1/overlay/can', ({ query }, response) => {
    const from = read(nameSchema, query.from, 'from');
    const to = read(nameSchema, query.to, 'to');
    const service = read(serviceSchema, query.service, 'service');
    response.json({ from, to, service, ...overlay.can({ from, to, service }) });
  });
  app.get('/v1/overlay/reach', (_request, response) => {
    response.json(reachTable(overlay.chain.policy.policy, overlay.chain.governance().members));
  });
  /** The same of a draft that nobody has voted on. */
  app.post('/v1/overlay/reach', (request, response) => {
    const { policy: draft } = read(z.strictObject({ policy: z.json() }), request.body, 'body');
    const checked = checkPolicy(draft);
    if ('faults' in checked) throw new LedgerError('encoding-invalid', `policy: ${checked.faults.join('; ')}`);
    response.json(reachTable(checked.policy, overlay.chain.governance().members));
  });
  app.get('/v1/overlay/sessions', async ({ query }, response) => {
    const before = read(count.optional(), query.before, 'before');
    const entries = await overlay.book.list(read(limit, query.limit, 'limit'), before);
    response.json(await Promise.all(entries.map((entry) => sessionJson(overlay, entry))));
  });
  app.get('/v1/overlay/policies', async (_request, response) => {
    response.json(await overlay.book.policies(MAX_POLICIES));
  });
}

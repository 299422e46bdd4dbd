import { type Certificate, readCertificate, writeCertificate } from '../codec/block.ts';
import { decode, type Reader, Writer } from '../codec/bytes.ts';
import { type Member, membersHash } from '../codec/member.ts';
import { HASH_BYTES } from '../codec/record.ts';
import { LedgerError } from '../errors.ts';
import { MAX_SNAPSHOT_PARTS, SNAPSHOT_PART_BYTES } from '../p2p/frames.ts';
import { decodeGovernance, encodeGovernance, type Governance, stateHash } from '../state/governance.ts';
import type { Ledger } from '../state/ledger.ts';
import { RecordLog, TILE_WIDTH } from '../state/log.ts';

const MAX_HANDOVERS = 4096;
const MAX_LEVELS = 7;
const MAX_BYTES = MAX_SNAPSHOT_PARTS * SNAPSHOT_PART_BYTES;

/** A final block, and what the members had decided after it. */
export interface Standing {
  certificate: Certificate;
  governance: Governance;
}

/**
 * From what a node can go on without the blocks before: the head, the unfinished tile of each level of the log, and each
 * block that handed the chain to another set of members, by which the head's signers follow from the genesis.
 */
export interface Snapshot extends Standing {
  tiles: readonly Buffer[];
  handovers: readonly Standing[];
}

function writeStanding(writer: Writer, { certificate, governance }: Standing): Writer {
  writeCertificate(writer, certificate);
  return writer.bytes(encodeGovernance(governance));
}

const readStanding = (reader: Reader): Standing => ({
  certificate: readCertificate(reader),
  governance: decodeGovernance(reader.bytes(MAX_BYTES)),
});

export const encodeSnapshot = (snapshot: Snapshot): Buffer =>
  writeStanding(new Writer(), snapshot)
    .list(snapshot.tiles, (inner, tile) => inner.bytes(tile))
    .list(snapshot.handovers, writeStanding)
    .done();

/** Throws encoding-invalid. */
export const decodeSnapshot = (payload: Uint8Array): Snapshot =>
  decode(payload, (reader) => ({
    ...readStanding(reader),
    tiles: reader.list(MAX_LEVELS, (inner) => inner.bytes(TILE_WIDTH * HASH_BYTES)),
    handovers: reader.list(MAX_HANDOVERS, readStanding),
  }));

/** Of the present head, which there must be; null if it is larger than may be sent, as far as it was looked at. */
export async function takeSnapshot({ height, governance, log, handovers, store }: Ledger): Promise<Snapshot | null> {
  const tiles = log.unfinishedTiles();
  const before = handovers.filter((at) => at < height);
  if (before.length > MAX_HANDOVERS) return null;
  const standings: Standing[] = [];
  let bytes = 0;
  for (const at of before) {
    const one = { certificate: await store.certificate(at), governance: (await store.governance(at))! };
    bytes += encodeGovernance(one.governance).length;
    if (bytes > MAX_BYTES) return null;
    standings.push(one);
  }
  return { certificate: await store.certificate(height), governance, tiles, handovers: standings };
}

const refuse = (reason: string) => new LedgerError('commit-invalid', `snapshot: ${reason}`);

/** That these members signed the block, and that this is what they had decided after it. */
async function checkStanding(ledger: Ledger, members: readonly Member[], { certificate, governance }: Standing) {
  const { header, commit } = certificate;
  if (header.chainId !== ledger.genesis.chainId) throw new LedgerError('chain-mismatch', 'snapshot of another chain');
  if (!header.membersHash.equals(membersHash(members))) throw refuse('signed by other members');
  await ledger.checkCommit(header, commit, members);
  if (!header.stateHash.equals(stateHash(governance))) throw refuse('what the members decided');
  if (!header.nextMembersHash.equals(membersHash(governance.members))) throw refuse('members of the next height');
}

/**
 * Follows the sets of members from the genesis to the head, and hashes the log's tiles to its root: a snapshot that passes
 * is as good as all blocks up to it, for what comes after. Throws commit-invalid, chain-mismatch, rules-unknown.
 */
export async function checkSnapshot(ledger: Ledger, snapshot: Snapshot): Promise<void> {
  const { header } = snapshot.certificate;
  const { rules } = snapshot.governance;
  // By all blocks it comes as far as it can.
  if (!ledger.knownRules.has(rules)) throw new LedgerError('rules-unknown', `snapshot: by rules ${rules}`);
  let members: readonly Member[] = ledger.genesis.members;
  let height = 0;
  for (const handover of snapshot.handovers) {
    if (handover.certificate.header.height <= height) throw refuse('handovers out of order');
    await checkStanding(ledger, members, handover);
    ({ members } = handover.governance);
    ({ height } = handover.certificate.header);
  }
  if (header.height <= height) throw refuse('a handover after the head');
  await checkStanding(ledger, members, snapshot);
  for (const [level, tile] of snapshot.tiles.entries()) {
    const count = Math.floor(header.logSize / TILE_WIDTH ** level) % TILE_WIDTH;
    if (tile.length !== count * HASH_BYTES) throw refuse('size of a tile');
  }
  if (header.logSize >= TILE_WIDTH ** snapshot.tiles.length) throw refuse('a level of tiles is missing');
  const log = new RecordLog(async (level) => snapshot.tiles[level]!);
  await log.open(header.logSize);
  if (!log.root().equals(header.logRoot)) throw refuse('root of the log');
}

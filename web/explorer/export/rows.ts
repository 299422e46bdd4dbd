import type { Block, RecordRow, TransactionRow } from '../client/types.ts';

/** A row as it is exported: columns in order. */
export type Row = Record<string, string | number>;

export const recordRow = ({ index, height, timeMs, txId, indexInTx, sender, record }: RecordRow): Row => ({
  index,
  height,
  time: new Date(timeMs).toISOString(),
  txId,
  indexInTx,
  sender,
  stream: record.stream,
  key: record.key,
  digest: record.digest,
  note: record.note,
});

export const blockRow = ({ hash, header, commit, txCount }: Block): Row => ({
  height: header.height,
  time: new Date(header.timeMs).toISOString(),
  hash,
  proposer: header.proposer,
  round: commit.round,
  signers: commit.signatures.map(({ memberId }) => memberId).join(' '),
  txCount,
  previous: header.previous,
  txRoot: header.txRoot,
  logSize: header.logSize,
  logRoot: header.logRoot,
  membersHash: header.membersHash,
  stateHash: header.stateHash,
});

export const transactionRow = ({
  height,
  indexInBlock,
  timeMs,
  txId,
  type,
  sender,
  count,
  bytes,
}: TransactionRow): Row => ({
  height,
  indexInBlock,
  time: new Date(timeMs).toISOString(),
  txId,
  type,
  sender,
  records: count,
  bytes,
});

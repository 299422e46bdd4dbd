import { type Connection, Schema } from 'mongoose';

/**
 * What waits to be attested: a version of an archive; in the stream `loan`, an event of a loan, whose id and number are
 * kept in the same two fields; in the stream `trace`, a batch of rows, by the number of its first; in the stream
 * `catalog`, an edit of a version's catalogue, as `archiveId/version` and the edit's number; in the stream
 * `correction`, a correction, as `archiveId/registration` and its number; in the stream `merge`, a merge of patients, by
 * its id.
 */
export interface OutboxItem {
  stream?: string;
  archiveId: string;
  version: number;
  key: string;
  digest: string;
  /** Goes with the record in clear, hex. */
  note?: string;
  state: 'pending' | 'reserved' | 'final';
  txId?: string;
  indexInTx?: number;
  createdAt: Date;
}

/** A signed transaction, kept before it is sent: sent again it is the same one, so nothing is attested twice. */
export interface AnchoringTx {
  txId: string;
  encoded: Buffer;
  records: number;
  state: 'pending' | 'final';
  height?: number;
  logIndex?: number;
  createdAt: Date;
  finalAt?: Date;
}

const outbox = new Schema<OutboxItem>(
  {
    stream: String,
    archiveId: { type: String, required: true },
    version: { type: Number, required: true },
    key: { type: String, required: true },
    digest: { type: String, required: true },
    note: String,
    state: { type: String, enum: ['pending', 'reserved', 'final'], required: true },
    txId: String,
    indexInTx: Number,
    createdAt: { type: Date, required: true },
  },
  { strict: 'throw', versionKey: false },
);
outbox.index({ archiveId: 1, version: 1 }, { unique: true });
outbox.index({ state: 1, createdAt: 1 });
outbox.index({ txId: 1 });

const anchoringTx = new Schema<AnchoringTx>(
  {
    txId: { type: String, required: true, unique: true },
    encoded: { type: Buffer, required: true },
    records: { type: Number, required: true },
    state: { type: String, enum: ['pending', 'final'], required: true },
    height: Number,
    logIndex: Number,
    createdAt: { type: Date, required: true },
    finalAt: Date,
  },
  { strict: 'throw', versionKey: false },
);
anchoringTx.index({ state: 1, createdAt: 1 });

export const createAnchoringModels = (connection: Connection) => ({
  OutboxItem: connection.model('OutboxItem', outbox, 'outbox'),
  AnchoringTx: connection.model('AnchoringTx', anchoringTx, 'anchoringTxs'),
});

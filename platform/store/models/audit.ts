import { type Connection, Schema } from 'mongoose';

/** 审计: who did what to which object; each entry holds the hash of the one before (see ../audit.ts). */
export interface AuditEntry {
  seq: number;
  at: Date;
  actor: { type: 'user' | 'app' | 'system' | 'anonymous'; id: string; roles: string[] };
  action: string;
  object: { type: string; id: string };
  result: 'allowed' | 'denied' | 'failed';
  requestId: string;
  previousHash: string;
  hash: string;
}

const schema = new Schema<AuditEntry>(
  {
    seq: { type: Number, required: true, unique: true },
    at: { type: Date, required: true },
    actor: { type: Schema.Types.Mixed, required: true },
    action: { type: String, required: true },
    object: { type: Schema.Types.Mixed, required: true },
    result: { type: String, enum: ['allowed', 'denied', 'failed'], required: true },
    requestId: { type: String, required: true },
    previousHash: { type: String, required: true },
    hash: { type: String, required: true },
  },
  { strict: 'throw', versionKey: false },
);
schema.index({ 'object.id': 1, seq: -1 });
schema.index({ 'actor.id': 1, seq: -1 });

export const createAuditModel = (connection: Connection) => connection.model('AuditEntry', schema, 'audit');

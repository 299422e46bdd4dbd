import { type Connection, createConnection } from 'mongoose';
import type { Card } from '../card/card.ts';
import { AuditTrail } from './audit.ts';
import { createAccessModels } from './models/access.ts';
import { createAnchoringModels } from './models/anchoring.ts';
import { createArchiveModels } from './models/archive.ts';
import { createAuditModel } from './models/audit.ts';
import { createBatchModel } from './models/batch.ts';
import { SealedObjects } from './objects.ts';

export type { Archive, ArchiveVersion, VersionDocument } from './models/archive.ts';
export type { Batch, Part, Refusal } from './models/batch.ts';
export type { App, Session, User } from './models/access.ts';
export type { AuditEntry } from './models/audit.ts';
export type { AnchoringTx, OutboxItem } from './models/anchoring.ts';
export { SealedObjects, type ObjectDigests, type ObjectStat } from './objects.ts';
export { ObjectKind } from './header.ts';
export type { AuditEvent } from './audit.ts';

const createModels = (connection: Connection) => ({
  Batch: createBatchModel(connection),
  AuditEntry: createAuditModel(connection),
  ...createArchiveModels(connection),
  ...createAnchoringModels(connection),
  ...createAccessModels(connection),
});
export type Models = ReturnType<typeof createModels>;

export interface Store {
  models: Models;
  objects: SealedObjects;
  audit: AuditTrail;
  connection: Connection;
  /** Whether the database answers. */
  ping(): Promise<boolean>;
  close(): Promise<void>;
}

/** Opens one member's database: its models, its sealed objects and its audit trail; indexes are made first, unless it is only read. */
export async function openStore(
  mongo: { uri: string; db: string },
  card: Card,
  { readOnly = false } = {},
): Promise<Store> {
  const connection = await createConnection(mongo.uri, {
    dbName: mongo.db,
    autoIndex: false,
    serverSelectionTimeoutMS: 10_000,
    writeConcern: { w: 'majority', journal: true },
  }).asPromise();
  const models = createModels(connection);
  const objects = new SealedObjects(connection.db!, card);
  if (!readOnly)
    await Promise.all([...Object.values(models).map((model) => model.createIndexes()), objects.createIndexes()]);
  return {
    models,
    objects,
    audit: new AuditTrail(models.AuditEntry),
    connection,
    ping: () =>
      connection
        .db!.admin()
        .ping()
        .then(
          () => true,
          () => false,
        ),
    close: () => connection.close(),
  };
}

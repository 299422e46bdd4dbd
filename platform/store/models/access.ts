import { type Connection, Schema } from 'mongoose';
import { Permission, Role } from '../../../domain/access.ts';

export interface User {
  username: string;
  displayName: string;
  department: string;
  passwordHash: string;
  roles: Role[];
  failedLogins: number;
  lockedUntil?: Date;
  disabled: boolean;
}

export interface Session {
  /** SM3 of the cookie's value: the database alone opens no session. */
  tokenHash: string;
  username: string;
  csrf: string;
  createdAt: Date;
  lastSeenAt: Date;
  expiresAt: Date;
}

/** A system that signs its requests: a scanner, an HIS. */
export interface App {
  appId: string;
  name: string;
  kind: 'hmac' | 'sm2';
  /** HMAC: the shared secret, wrapped by the card. */
  secret?: { wrappedKey: Buffer; keyId: string };
  /** SM2: 65 bytes, hex. */
  publicKey?: string;
  permissions: Permission[];
  disabled: boolean;
  lastSeenAt?: Date;
}

/** A nonce of a signed request, until its time has passed. */
export interface UsedNonce {
  key: string;
  expiresAt: Date;
}

const user = new Schema<User>(
  {
    username: { type: String, required: true, unique: true },
    displayName: { type: String, required: true },
    department: { type: String, default: '' },
    passwordHash: { type: String, required: true },
    roles: { type: [String], enum: Object.values(Role), required: true },
    failedLogins: { type: Number, default: 0 },
    lockedUntil: Date,
    disabled: { type: Boolean, default: false },
  },
  { strict: 'throw', versionKey: false },
);

const session = new Schema<Session>(
  {
    tokenHash: { type: String, required: true, unique: true },
    username: { type: String, required: true, index: true },
    csrf: { type: String, required: true },
    createdAt: { type: Date, required: true },
    lastSeenAt: { type: Date, required: true },
    expiresAt: { type: Date, required: true, expires: 0 },
  },
  { strict: 'throw', versionKey: false },
);

const app = new Schema<App>(
  {
    appId: { type: String, required: true, unique: true },
    name: { type: String, required: true },
    kind: { type: String, enum: ['hmac', 'sm2'], required: true },
    secret: { type: { wrappedKey: Buffer, keyId: String }, _id: false },
    publicKey: String,
    permissions: { type: [String], enum: Object.values(Permission), required: true },
    disabled: { type: Boolean, default: false },
    lastSeenAt: Date,
  },
  { strict: 'throw', versionKey: false },
);

const nonce = new Schema<UsedNonce>(
  {
    key: { type: String, required: true, unique: true },
    expiresAt: { type: Date, required: true, expires: 0 },
  },
  { strict: 'throw', versionKey: false },
);

export const createAccessModels = (connection: Connection) => ({
  User: connection.model('User', user, 'users'),
  Session: connection.model('Session', session, 'sessions'),
  App: connection.model('App', app, 'apps'),
  UsedNonce: connection.model('UsedNonce', nonce, 'usedNonces'),
});

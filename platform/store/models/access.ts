import { type Connection, Schema } from 'mongoose';
import { Permission, Role } from '../../../domain/access.ts';
import { Employment } from '../../../domain/people.ts';

export interface User {
  username: string;
  displayName: string;
  departmentId?: string;
  employment: Employment;
  /** Absent until the person has chosen one with the activation code. */
  passwordHash?: string;
  /** A code that is shown once, by which the person chooses a password. */
  activation?: { codeHash: string; expiresAt: Date };
  /** RFC 6238; the secret is wrapped by the card. It counts once it is confirmed; each code is taken once. */
  totp?: { wrappedKey: Buffer; keyId: string; confirmedAt?: Date; lastStep: number };
  roles: Role[];
  /** 病案号 of the person and of relatives: these are not lent to them. */
  relatedPatientNos: string[];
  failedLogins: number;
  lockedUntil?: Date;
  disabled: boolean;
  /** Counts changes by administrators: ETag. */
  revision: number;
  createdAt: Date;
}

export interface Department {
  departmentId: string;
  name: string;
  disabled: boolean;
  createdAt: Date;
}

export interface Deputy {
  deputyId: string;
  principal: string;
  deputy: string;
  from: Date;
  to: Date;
  reason: string;
  createdBy: string;
  createdAt: Date;
  endedAt?: Date;
}

export interface Session {
  /** What lists call it. */
  sessionId: string;
  /** SM3 of the cookie's value: the database alone opens no session. */
  tokenHash: string;
  username: string;
  /** How the person proved who they are; absent in sessions of before. */
  openedBy?: 'password' | 'totp';
  csrf: string;
  /** Where from, for the person to recognise it. */
  address: string;
  userAgent: string;
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

/** What a POST with an Idempotency-Key was answered, until its time has passed (api/idempotency.ts). */
export interface IdempotentCall {
  key: string;
  /** HMAC-SM3 under the Idempotency-Key. */
  bodyMac: string;
  state: 'running' | 'done';
  status?: number;
  body?: string;
  startedAt: Date;
  expiresAt: Date;
}

/** A nonce of a signed request, until its time has passed. */
export interface UsedNonce {
  key: string;
  expiresAt: Date;
}

const options = { strict: 'throw', versionKey: false } as const;

const user = new Schema<User>(
  {
    username: { type: String, required: true, unique: true },
    displayName: { type: String, required: true },
    departmentId: { type: String, index: true },
    employment: { type: String, enum: Object.values(Employment), default: Employment.staff },
    passwordHash: String,
    activation: { type: { codeHash: String, expiresAt: Date }, _id: false },
    totp: { type: { wrappedKey: Buffer, keyId: String, confirmedAt: Date, lastStep: Number }, _id: false },
    roles: { type: [String], enum: Object.values(Role), required: true, index: true },
    relatedPatientNos: { type: [String], default: [] },
    failedLogins: { type: Number, default: 0 },
    lockedUntil: Date,
    disabled: { type: Boolean, default: false },
    revision: { type: Number, default: 1 },
    createdAt: { type: Date, default: () => new Date() },
  },
  options,
);

const department = new Schema<Department>(
  {
    departmentId: { type: String, required: true, unique: true },
    name: { type: String, required: true, unique: true },
    disabled: { type: Boolean, default: false },
    createdAt: { type: Date, required: true },
  },
  options,
);

const deputy = new Schema<Deputy>(
  {
    deputyId: { type: String, required: true, unique: true },
    principal: { type: String, required: true, index: true },
    deputy: { type: String, required: true, index: true },
    from: { type: Date, required: true },
    to: { type: Date, required: true },
    reason: { type: String, default: '' },
    createdBy: { type: String, required: true },
    createdAt: { type: Date, required: true },
    endedAt: Date,
  },
  options,
);

const session = new Schema<Session>(
  {
    sessionId: { type: String, required: true, unique: true },
    tokenHash: { type: String, required: true, unique: true },
    username: { type: String, required: true, index: true },
    openedBy: { type: String, enum: ['password', 'totp'] },
    csrf: { type: String, required: true },
    address: { type: String, default: '' },
    userAgent: { type: String, default: '' },
    createdAt: { type: Date, required: true },
    lastSeenAt: { type: Date, required: true },
    expiresAt: { type: Date, required: true, expires: 0 },
  },
  options,
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
  options,
);

const nonce = new Schema<UsedNonce>(
  {
    key: { type: String, required: true, unique: true },
    expiresAt: { type: Date, required: true, expires: 0 },
  },
  options,
);

const idempotentCall = new Schema<IdempotentCall>(
  {
    key: { type: String, required: true, unique: true },
    bodyMac: { type: String, required: true },
    state: { type: String, enum: ['running', 'done'], required: true },
    status: Number,
    body: String,
    startedAt: { type: Date, required: true },
    expiresAt: { type: Date, required: true, expires: 0 },
  },
  options,
);

export const createAccessModels = (connection: Connection) => ({
  User: connection.model('User', user, 'users'),
  Department: connection.model('Department', department, 'departments'),
  Deputy: connection.model('Deputy', deputy, 'deputies'),
  Session: connection.model('Session', session, 'sessions'),
  App: connection.model('App', app, 'apps'),
  UsedNonce: connection.model('UsedNonce', nonce, 'usedNonces'),
  IdempotentCall: connection.model('IdempotentCall', idempotentCall, 'idempotentCalls'),
});

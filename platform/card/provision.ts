import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import pkcs11js from 'pkcs11js';
import { acquireModule, releaseModule } from './module.ts';
import { KEK_LABEL, MAC_LABEL } from './pkcs11-card.ts';
import { PROFILES } from './profiles.ts';

/** Writes SoftHSM's configuration for a token folder of its own, and gives the path. */
export function writeSofthsmConf(folder: string): string {
  const tokens = path.join(folder, 'tokens');
  mkdirSync(tokens, { recursive: true, mode: 0o700 });
  const conf = path.join(folder, 'softhsm2.conf');
  if (!existsSync(conf)) writeFileSync(conf, `directories.tokendir = ${tokens}\nlog.level = ERROR\n`, { mode: 0o600 });
  return conf;
}

/** A label is padded with blanks (PKCS#11 v2.40 §5.5). */
const TOKEN_LABEL_BYTES = 32;

export interface ProvisionOptions {
  modulePath: string;
  softhsmConf?: string;
  tokenLabel: string;
  profile: string;
  pinFile: string;
  soPinFile: string;
}

function readOrMakePin(file: string): string {
  if (!existsSync(file)) writeFileSync(file, randomBytes(12).toString('hex'), { mode: 0o600 });
  return readFileSync(file, 'utf8').trim();
}

/** Makes the token, its PINs (random, into files of mode 600) and its two keys, whatever of these is not there yet. Keys never leave the token. */
export function provisionToken(options: ProvisionOptions): void {
  const profile = PROFILES[options.profile]!;
  const pin = readOrMakePin(options.pinFile);
  const soPin = readOrMakePin(options.soPinFile);
  const module = acquireModule(options.modulePath, options.softhsmConf);
  const { pkcs11 } = module;
  try {
    const labelled = () =>
      pkcs11.C_GetSlotList(true).find((slot) => pkcs11.C_GetTokenInfo(slot).label.trim() === options.tokenLabel);
    if (labelled() === undefined) {
      const empty = pkcs11
        .C_GetSlotList(true)
        .find((slot) => (pkcs11.C_GetTokenInfo(slot).flags & pkcs11js.CKF_TOKEN_INITIALIZED) === 0);
      if (empty === undefined) throw new Error('no free slot for a new token');
      pkcs11.C_InitToken(empty, soPin, options.tokenLabel.padEnd(TOKEN_LABEL_BYTES));
    }
    const slot = labelled()!;
    const session = pkcs11.C_OpenSession(slot, pkcs11js.CKF_SERIAL_SESSION | pkcs11js.CKF_RW_SESSION);
    if ((pkcs11.C_GetTokenInfo(slot).flags & pkcs11js.CKF_USER_PIN_INITIALIZED) === 0) {
      pkcs11.C_Login(session, pkcs11js.CKU_SO, soPin);
      pkcs11.C_InitPIN(session, pin);
      pkcs11.C_Logout(session);
    }
    pkcs11.C_Login(session, pkcs11js.CKU_USER, pin);
    for (const [label, uses] of [
      [KEK_LABEL, [pkcs11js.CKA_WRAP, pkcs11js.CKA_UNWRAP]],
      [MAC_LABEL, [pkcs11js.CKA_SIGN, pkcs11js.CKA_VERIFY]],
    ] as const) {
      pkcs11.C_FindObjectsInit(session, [{ type: pkcs11js.CKA_LABEL, value: label }]);
      const found = pkcs11.C_FindObjects(session, 1);
      pkcs11.C_FindObjectsFinal(session);
      if (found.length > 0) continue;
      const mac = label === MAC_LABEL;
      pkcs11.C_GenerateKey(
        session,
        {
          mechanism: mac && options.profile === 'softhsm' ? pkcs11js.CKM_GENERIC_SECRET_KEY_GEN : profile.keyGen,
          parameter: undefined,
        },
        [
          { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_SECRET_KEY },
          {
            type: pkcs11js.CKA_KEY_TYPE,
            value: mac && options.profile === 'softhsm' ? pkcs11js.CKK_GENERIC_SECRET : profile.keyType,
          },
          { type: pkcs11js.CKA_VALUE_LEN, value: profile.keyBytes },
          { type: pkcs11js.CKA_LABEL, value: label },
          { type: pkcs11js.CKA_ID, value: randomBytes(8) },
          { type: pkcs11js.CKA_TOKEN, value: true },
          { type: pkcs11js.CKA_PRIVATE, value: true },
          { type: pkcs11js.CKA_SENSITIVE, value: true },
          { type: pkcs11js.CKA_EXTRACTABLE, value: false },
          ...uses.map((type) => ({ type, value: true })),
        ],
      );
    }
    pkcs11.C_Logout(session);
    pkcs11.C_CloseSession(session);
  } finally {
    releaseModule(module);
  }
}

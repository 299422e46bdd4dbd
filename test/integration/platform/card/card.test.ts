import { mkdtempSync, renameSync, rmSync, writeFileSync, readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import pkcs11js from 'pkcs11js';
import {
  type Card,
  type CardConfig,
  cardOf,
  openCard,
  provisionToken,
  writeSofthsmConf,
} from '../../../../platform/card/index.ts';

const modulePath = process.env.TEST_SOFTHSM_MODULE ?? '/usr/lib/softhsm/libsofthsm2.so';
const dataKey = Buffer.from('00112233445566778899aabbccddeeff', 'hex');
const digest = Buffer.alloc(32, 7);

let folder: string;
let config: CardConfig;
let card: Card;
beforeEach(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'sealfolio-card-'));
  const softhsmConf = writeSofthsmConf(folder);
  config = {
    modulePath,
    tokenLabel: 'yz1',
    pinFile: path.join(folder, 'pin'),
    profile: 'softhsm',
    sessions: 3,
    softhsmConf,
  };
  const options = { ...config, softhsmConf, soPinFile: path.join(folder, 'so-pin') };
  provisionToken(options);
  provisionToken(options); // the second time changes nothing
  card = await openCard(config);
});
afterEach(() => {
  card.close();
  rmSync(folder, { recursive: true });
});

const cause = (name: string) => ({ code: 'card-unavailable', data: { cause: name } });

test('wraps, unwraps, authenticates and gives random bytes', async () => {
  const { wrappedKey, keyId } = await card.wrapKey(dataKey);
  expect(wrappedKey.includes(dataKey)).toBe(false);
  expect(await card.unwrapKey(wrappedKey, keyId)).toEqual(dataKey);
  const mac = await card.mac(digest);
  expect(await card.verifyMac(digest, mac)).toBe(true);
  expect(await card.verifyMac(Buffer.alloc(32), mac)).toBe(false);
  expect(await card.verifyMac(digest, mac.subarray(1))).toBe(false);
  expect(await card.random(40)).toHaveLength(40);
  expect(card.status()).toMatchObject({ state: 'ready', tokenLabel: 'yz1', sessions: 3, signingKeys: 'wrapped' });
});

test('many callers share few sessions', async () => {
  const keys = await Promise.all(Array.from({ length: 40 }, () => card.random(32)));
  const wrapped = await Promise.all(keys.map((key) => card.wrapKey(key)));
  const back = await Promise.all(wrapped.map(({ wrappedKey, keyId }) => card.unwrapKey(wrappedKey, keyId)));
  expect(back).toEqual(keys);
});

test('what another key wrapped, or a changed bit, is refused', async () => {
  const { wrappedKey, keyId } = await card.wrapKey(dataKey);
  await expect(card.unwrapKey(wrappedKey, '00')).rejects.toMatchObject({ code: 'wrapped-key-invalid' });
  wrappedKey[5]! ^= 1;
  await expect(card.unwrapKey(wrappedKey, keyId)).rejects.toMatchObject({ code: 'wrapped-key-invalid' });
  expect(card.status().state).toBe('ready');
});

test('sessions killed: the next call opens new ones', async () => {
  const { wrappedKey, keyId } = await card.wrapKey(dataKey);
  const vendor = new pkcs11js.PKCS11();
  vendor.load(modulePath);
  for (const slot of vendor.C_GetSlotList(true)) vendor.C_CloseAllSessions(slot);
  expect(await card.unwrapKey(wrappedKey, keyId)).toEqual(dataKey);
});

test('the token folder moved away: removed, and ready again when it is back', async () => {
  const { wrappedKey, keyId } = await card.wrapKey(dataKey);
  card.close();
  card = cardOf(config);
  renameSync(path.join(folder, 'tokens'), path.join(folder, 'pulled'));
  await expect(card.mac(digest)).rejects.toMatchObject(cause('removed'));
  expect(card.status()).toMatchObject({ state: 'unavailable', cause: 'removed' });
  renameSync(path.join(folder, 'pulled'), path.join(folder, 'tokens'));
  expect(await card.unwrapKey(wrappedKey, keyId)).toEqual(dataKey);
  expect(card.status().state).toBe('ready');
});

test('a card pulled while in use does not answer from memory', async () => {
  renameSync(path.join(folder, 'tokens'), path.join(folder, 'pulled'));
  await expect(card.selfTest()).rejects.toMatchObject(cause('removed'));
  renameSync(path.join(folder, 'pulled'), path.join(folder, 'tokens'));
  await card.selfTest();
});

test('a wrong PIN is shown to the card once, and the right one works again', async () => {
  card.close();
  const right = readFileSync(config.pinFile);
  writeFileSync(config.pinFile, 'wrong-pin');
  card = cardOf(config);
  for (let i = 0; i < 5; i += 1) await expect(card.mac(digest)).rejects.toMatchObject(cause('pin-incorrect'));
  writeFileSync(config.pinFile, right);
  await card.mac(digest);
});

test('a module that is not there', async () => {
  const absent = cardOf({ ...config, modulePath: '/nowhere/pkcs11.so' });
  await expect(absent.mac(digest)).rejects.toMatchObject(cause('module'));
});

test.each([[8], [15], [20], [72]])('a key of %i bytes is not wrapped', async (bytes) => {
  await expect(async () => card.wrapKey(Buffer.alloc(bytes))).rejects.toMatchObject({ code: 'key-invalid' });
});

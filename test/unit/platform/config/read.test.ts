import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ConfigError, readConfig } from '../../../../platform/config/read.ts';
import { memberConfigSchema } from '../../../../platform/config/schemas.ts';

const dir = mkdtempSync(path.join(os.tmpdir(), 'sealfolio-config-'));
afterAll(() => rmSync(dir, { recursive: true }));
const good = {
  memberId: 'yz1',
  memberName: '云州市第一人民医院',
  home: '/x',
  environment: 'demo',
  http: { host: '127.0.0.1', port: 8080, publicUrl: 'http://127.0.0.1:8080' },
  worker: { metricsPort: 8084 },
  mongo: { uri: 'mongodb://127.0.0.1', db: 'sealfolio' },
  temporal: { address: '127.0.0.1:7233', namespace: 'yz1' },
  card: { modulePath: '/m.so', tokenLabel: 'yz1', pinFile: '/pin', profile: 'softhsm' },
  ledger: { rpcUrl: 'http://127.0.0.1:1', trustFile: '/t' },
  keysFile: '/k',
  seal: { certificateFile: '/c', sealFile: '/s' },
};
function read(config: unknown): unknown {
  const file = path.join(dir, 'config.json');
  writeFileSync(file, typeof config === 'string' ? config : JSON.stringify(config));
  return readConfig(file, memberConfigSchema, 'SEALFOLIO_CONFIG');
}

test('a right configuration, with what it leaves out filled in', () => {
  expect(read(good)).toMatchObject({ card: { sessions: 4 }, log: { level: 'info' }, worker: { host: '127.0.0.1' } });
});

test('a wrong one is refused with every fault at once', () => {
  const { keysFile: _left, ...rest } = good;
  const wrong = { ...rest, memberId: 'a b', http: { ...good.http, port: 99_999 }, colour: 'red' };
  let error: unknown;
  try {
    read(wrong);
  } catch (caught) {
    error = caught;
  }
  expect(error).toBeInstanceOf(ConfigError);
  const { faults } = error as ConfigError;
  expect(faults.map((fault) => fault.split(':')[0]).sort()).toEqual(['(whole)', 'http.port', 'keysFile', 'memberId']);
});

test.each([
  ['no JSON', '{'],
  ['nothing', ''],
])('%s', (_name, text) => {
  expect(() => read(text)).toThrow(ConfigError);
});

test('a variable that is not set', () => {
  expect(() => readConfig(undefined, memberConfigSchema, 'SEALFOLIO_CONFIG')).toThrow(/SEALFOLIO_CONFIG.*not set/s);
});

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Part } from '../../../ops/launch/part.ts';
import { until } from '../../fixtures/until.ts';

const home = mkdtempSync(path.join(os.tmpdir(), 'sealfolio-part-'));
const runDir = path.join(home, 'run');
const part = new Part({ name: 'sleeper', command: 'sleep', args: ['1000'], runDir, ready: async () => true });
afterAll(async () => {
  await part.stop();
  rmSync(home, { recursive: true });
});

test('a process that dies is started again, also where that fails at first', async () => {
  await part.start();
  const first = part.pid!;
  const said = jest.spyOn(console, 'error').mockImplementation(() => {});
  // Neither a log nor an id can be written, as on a full disk.
  rmSync(runDir, { recursive: true });
  writeFileSync(runDir, '');
  process.kill(first, 'SIGKILL');
  await until(() => said.mock.calls.length > 0);
  expect(said.mock.calls[0]![0]).toContain('sleeper could not be started again: ENOTDIR');
  expect(part.isRunning).toBe(false);
  rmSync(runDir);
  mkdirSync(runDir);
  await until(() => part.isRunning);
  expect(part.restarts).toBe(1);
  expect(part.pid).not.toBe(first);
});

import { PassThrough } from 'node:stream';
import { createLogger } from '../../../../platform/observe/logger.ts';

test('what names a patient, and secrets, never reach the log', () => {
  const sink = new PassThrough();
  const logger = createLogger('test', 'info', sink);
  const batch = { batchId: 'b1', patientNo: 'P1', patientName: '方若晴' };
  logger.info({ ...batch, batch, request: { body: batch, token: 'secret-token' }, password: 'pw-1234' }, 'registered');
  const line = (sink.read() as Buffer).toString();
  expect(JSON.parse(line)).toMatchObject({ msg: 'registered', batchId: 'b1', batch: { batchId: 'b1' } });
  for (const secret of ['P1', '方若晴', 'secret-token', 'pw-1234']) expect(line).not.toContain(secret);
});

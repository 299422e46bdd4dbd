import { type DestinationStream, pino, type Logger } from 'pino';

export type { Logger } from 'pino';

/** Fields that could hold what is a patient's, or a secret; removed wherever they come up in a logged object. */
const PERSONAL = [
  'patientNo',
  'patientName',
  'visitNo',
  'relatedPatientNos',
  'motherPatientNo',
  'idNumber',
  'password',
  'token',
  'secret',
  'cookie',
];

/** JSON lines on stdout. Personal data and secrets are removed, should they come near it. */
export function createLogger(name: string, level: string, sink?: DestinationStream): Logger {
  const paths = PERSONAL.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]);
  const options = { name, level, redact: { paths, remove: true }, timestamp: pino.stdTimeFunctions.isoTime };
  return sink === undefined ? pino(options) : pino(options, sink);
}

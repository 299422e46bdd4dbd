import { codeOf, PROBLEMS } from '../../../api/problems.ts';
import { SealfolioError } from '../../../domain/errors.ts';

const named = (name: string, fields: object = {}) => Object.assign(new Error('x'), { name, ...fields });

test.each<[string, unknown, number]>([
  ['sm3-mismatch', new SealfolioError('sm3-mismatch'), 422],
  ['request-invalid', named('SyntaxError', { status: 400, type: 'entity.parse.failed' }), 400],
  ['database-unavailable', named('MongoNetworkError'), 503],
  ['database-unavailable', named('MongoServerSelectionError'), 503],
  ['database-unavailable', named('MongoPoolClearedError'), 503],
  ['database-unavailable', named('MongooseServerSelectionError'), 503],
  ['database-unavailable', named('MongoServerError', { code: 10_107 }), 503],
  ['database-unavailable', named('MongoServerError', { code: 11_600 }), 503],
  // What the driver makes of a connection that broke off within a bulk write.
  ['database-unavailable', named('MongoBulkWriteError'), 503],
  ['internal', named('MongoBulkWriteError', { code: 11_000 }), 500],
  ['internal', named('MongoServerError', { code: 2 }), 500],
  ['temporal-unavailable', named('ServiceError'), 503],
  ['internal', new TypeError('x'), 500],
])('%s', (code, error, status) => {
  expect(codeOf(error).code).toBe(code);
  expect(PROBLEMS[code]!.status).toBe(status);
});

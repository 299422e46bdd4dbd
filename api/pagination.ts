import { SealfolioError } from '../domain/errors.ts';

/** Where a list went on: the sort value and the id of the last row, opaque to clients. */
export interface Cursor {
  at: Date;
  id: string;
}

export const encodeCursor = ({ at, id }: Cursor): string =>
  Buffer.from(JSON.stringify([at.toISOString(), id])).toString('base64url');

/** Throws request-invalid. */
export function decodeCursor(text: string): Cursor {
  try {
    const [at, id] = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as [string, string];
    const date = new Date(at);
    if (typeof id === 'string' && /^[0-9a-f]{24}$/.test(id) && !Number.isNaN(date.getTime())) return { at: date, id };
  } catch {
    // refused below
  }
  throw new SealfolioError('request-invalid', {
    errors: [{ pointer: '/query/cursor', rule: 'cursor', message: 'not a cursor of this list' }],
  });
}

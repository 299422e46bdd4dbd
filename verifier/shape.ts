/** A small checker of untrusted JSON: every field is named, every unknown field refused, every length bounded. */
export class ShapeError extends Error {
  override readonly name = 'ShapeError';

  constructor(
    readonly pointer: string,
    readonly rule: string,
  ) {
    super(`${pointer || '/'}: ${rule}`);
  }
}

export type Check<T> = (value: unknown, pointer: string) => T;

export const text =
  (pattern: RegExp, maxLength = 4096): Check<string> =>
  (value, pointer) => {
    if (typeof value !== 'string' || value.length > maxLength || !pattern.test(value))
      throw new ShapeError(pointer, `a string like ${pattern.source}`);
    return value;
  };

/** Lowercase hex of exactly `bytes`, or of min to max bytes. */
export const hex =
  (min: number, max = min): Check<string> =>
  (value, pointer) => {
    if (
      typeof value !== 'string' ||
      value.length < 2 * min ||
      value.length > 2 * max ||
      value.length % 2 !== 0 ||
      !/^[0-9a-f]*$/.test(value)
    )
      throw new ShapeError(pointer, `lowercase hex of ${min === max ? min : `${min} to ${max}`} bytes`);
    return value;
  };

export const integer =
  (min: number, max = Number.MAX_SAFE_INTEGER): Check<number> =>
  (value, pointer) => {
    if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max)
      throw new ShapeError(pointer, `a whole number from ${min} to ${max}`);
    return value as number;
  };

export const literal =
  <T extends string | number>(wanted: T): Check<T> =>
  (value, pointer) => {
    if (value !== wanted) throw new ShapeError(pointer, `exactly ${JSON.stringify(wanted)}`);
    return wanted;
  };

export const oneOf =
  <T extends string>(...words: T[]): Check<T> =>
  (value, pointer) => {
    if (!words.includes(value as T)) throw new ShapeError(pointer, `one of ${words.join(', ')}`);
    return value as T;
  };

export const list =
  <T>(item: Check<T>, max: number): Check<T[]> =>
  (value, pointer) => {
    if (!Array.isArray(value) || value.length > max) throw new ShapeError(pointer, `a list of at most ${max}`);
    return value.map((member, i) => item(member, `${pointer}/${i}`));
  };

export const object =
  <T extends object>(fields: { [K in keyof T]: Check<T[K]> }): Check<T> =>
  (value, pointer) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new ShapeError(pointer, 'an object');
    const given = value as Record<string, unknown>;
    for (const key of Object.keys(given))
      if (!Object.hasOwn(fields, key)) throw new ShapeError(`${pointer}/${key}`, 'no such field');
    const checked: Partial<T> = {};
    for (const key of Object.keys(fields) as (keyof T & string)[]) {
      if (!Object.hasOwn(given, key)) throw new ShapeError(`${pointer}/${key}`, 'missing');
      checked[key] = fields[key](given[key], `${pointer}/${key}`);
    }
    return checked as T;
  };

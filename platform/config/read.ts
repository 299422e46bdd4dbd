import { readFileSync } from 'node:fs';
import type { z } from 'zod';

/** A configuration that a process refuses to start with: every fault at once, so that it is put right in one go. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  constructor(
    readonly file: string,
    readonly faults: readonly string[],
  ) {
    super(`${file}: ${faults.length} fault(s)\n${faults.map((fault) => `  - ${fault}`).join('\n')}`);
  }
}

/** Reads a JSON file by a schema. Throws ConfigError with the list of faults, each with the field it is in. */
export function readConfig<T>(file: string | undefined, schema: z.ZodType<T>, variable: string): T {
  if (file === undefined || file === '') throw new ConfigError(variable, ['names no file: it is not set']);
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new ConfigError(file, [error instanceof Error ? error.message : String(error)]);
  }
  const result = schema.safeParse(parsed);
  if (result.success) return result.data;
  throw new ConfigError(
    file,
    result.error.issues.map(({ path, message }) => `${path.length > 0 ? path.join('.') : '(whole)'}: ${message}`),
  );
}

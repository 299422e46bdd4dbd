import { hash, verify } from '@node-rs/argon2';

/** argon2id with the parameters of OWASP's password storage advice (19 MiB, 2 passes, 1 lane). */
const OPTIONS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;
/** Compared when there is no such user, so that the answer takes as long. */
const NOBODY = hash('nobody', OPTIONS);

export const hashPassword = (password: string): Promise<string> => hash(password, OPTIONS);
export const isPassword = async (password: string, stored: string | null): Promise<boolean> =>
  (await verify(stored ?? (await NOBODY), password)) && stored !== null;

import { rmSync } from 'node:fs';
import type { Part } from '../../ops/launch/part.ts';

declare global {
  var sealfolioTest: { home: string; parts: Part[] } | undefined;
}

/** Ends the servers of global-setup.ts and removes their folder. */
export default async function globalTeardown(): Promise<void> {
  const started = globalThis.sealfolioTest;
  if (started === undefined) return;
  await Promise.all(started.parts.map((part) => part.stop()));
  rmSync(started.home, { recursive: true, force: true });
}

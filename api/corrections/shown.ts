import type { Correction, Store } from '../../platform/store/index.ts';
import { askedShown } from './asked.ts';
import type { ShownCorrection } from './schemas.ts';

/** Corrections as people read them. */
export const correctionsShown = (store: Store, found: readonly Correction[]): Promise<ShownCorrection[]> =>
  askedShown(store, found, ({ correction, before, after }) => ({ correction, before, after }));

/** `npm run bench -- NAME`: runs bench/NAME.ts. */
const BENCHES: Record<string, () => Promise<{ bench(args: readonly string[]): Promise<void> }>> = {
  crypto: () => import('./crypto.ts'),
  store: () => import('./store.ts'),
  archive: () => import('./archive.ts'),
  loans: () => import('./loans.ts'),
  ledger: () => import('./ledger.ts'),
  clerks: () => import('./clerks.ts'),
  viewer: () => import('./viewer.ts'),
  lists: () => import('./lists.ts'),
  overlay: () => import('./overlay.ts'),
  soak: () => import('./soak.ts'),
};

export async function main([name, ...args]: readonly string[]): Promise<number> {
  const load = name === undefined ? undefined : BENCHES[name];
  if (load === undefined) {
    process.stderr.write(`usage: npm run bench -- NAME, where NAME is one of ${Object.keys(BENCHES).join(', ')}\n`);
    return 2;
  }
  await (await load()).bench(args);
  return 0;
}

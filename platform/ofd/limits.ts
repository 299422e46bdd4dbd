/** A3 at 600 dpi is 70 million; beyond this it is no scan but a bomb. */
export const MAX_PIXELS = 120_000_000;
export const MAX_PAGES = 2000;

/** The target of `rel="next"` in a Link header (RFC 8288), or null. */
export const nextOf = (link: string | null): string | null => /<([^>]+)>;\s*rel="next"/.exec(link ?? '')?.[1] ?? null;

/** Version of the package, and SHA-256 over the sources of verifier/ (vite.config.ts). */
declare const __VERSION__: string;
declare const __VERIFIER__: string;

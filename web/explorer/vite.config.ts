import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import vue from '@vitejs/plugin-vue';
import { defineConfig } from 'vite';

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.join(here, '..', '..');
const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string };

/** SHA-256 over the sources of verifier/, by name: a report says by which code it was made. */
function verifierDigest(): string {
  const digest = createHash('sha256');
  const dir = path.join(root, 'verifier');
  for (const file of readdirSync(dir).sort()) digest.update(`${file}\0`).update(readFileSync(path.join(dir, file)));
  return digest.digest('hex');
}

export default defineConfig({
  root: here,
  publicDir: path.join(here, '..', 'public'),
  plugins: [vue()],
  define: { __VERSION__: JSON.stringify(version), __VERIFIER__: JSON.stringify(verifierDigest()) },
  build: { outDir: path.join(root, 'dist', 'explorer'), emptyOutDir: true, target: 'es2022' },
  worker: { format: 'es' },
  server: { proxy: { '/v1': { target: process.env.SEALFOLIO_RPC ?? 'http://127.0.0.1:8082', ws: true } } },
});

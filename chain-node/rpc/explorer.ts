import path from 'node:path';
import express, { type Express } from 'express';

/** Only own files run; other nodes are read (a reader types their addresses), nothing else of the network is. */
const CSP = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "worker-src 'self'",
  "connect-src 'self' http: https:",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/** The pages of the explorer, at every path that is not the rpc's own. */
export function serveExplorer(app: Express, dir: string): void {
  app.use((_request, response, next) => {
    response.set({
      'Content-Security-Policy': CSP,
      'X-Content-Type-Options': 'nosniff',
      'Referrer-Policy': 'no-referrer',
    });
    next();
  });
  app.use('/assets', express.static(path.join(dir, 'assets'), { immutable: true, maxAge: '1y', fallthrough: false }));
  app.use(express.static(dir, { index: false, maxAge: 0 }));
  app.get(/^\/(?!v1(\/|$))/, (_request, response) => {
    response.set('Cache-Control', 'no-cache').sendFile(path.resolve(dir, 'index.html'));
  });
}

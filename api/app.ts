import { randomUUID } from 'node:crypto';
import path from 'node:path';
import express, {
  type ErrorRequestHandler,
  type Express,
  type NextFunction,
  type Request,
  type Response,
} from 'express';
import type { z } from 'zod';
import { isPermitted } from '../domain/access.ts';
import { SealfolioError } from '../domain/errors.ts';
import { Histogram } from '../platform/observe/metrics.ts';
import { archiveRoutes } from './archives/routes.ts';
import { Apps, type RawRequest } from './auth/apps.ts';
import { actorOf, SESSION_COOKIE, Sessions } from './auth/sessions.ts';
import { batchRoutes } from './batches/routes.ts';
import type { ApiDeps } from './deps.ts';
import { openApi } from './openapi.ts';
import { codeOf, PROBLEMS } from './problems.ts';
import type { Actor, Route } from './route.ts';
import { sessionRoutes } from './session/routes.ts';
import { systemRoutes } from './system/routes.ts';
import { createUploads, UPLOADS_PATH } from './uploads/uploads.ts';

export const API = '/api/v1';
const MAX_BODY = '4mb';
const ANONYMOUS: Actor = { type: 'anonymous', id: 'anonymous', displayName: '', roles: [], permissions: [] };
const CSP = [
  "default-src 'self'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' blob: data:",
  "worker-src 'self' blob:",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'self'",
].join('; ');

/** Every route of the api. */
export const createRoutes = (deps: ApiDeps): Route[] => [
  ...sessionRoutes(deps),
  ...batchRoutes(deps),
  ...archiveRoutes(deps),
  ...systemRoutes(deps),
];

const cookieOf = (request: Request): string | undefined =>
  request
    .header('cookie')
    ?.split(';')
    .map((pair) => pair.trim().split('='))
    .find(([name]) => name === SESSION_COOKIE)?.[1];

/** Says who asks, and whether they may. Throws the refusal. */
function createGate({ store, card }: ApiDeps) {
  const [sessions, apps] = [new Sessions(store), new Apps(store, card)];

  async function authenticate(request: Request): Promise<Actor> {
    if (request.header('signature') !== undefined) return apps.authenticate(request as RawRequest);
    const token = cookieOf(request);
    const found = token === undefined ? null : await sessions.find(token);
    if (found === null) return ANONYMOUS;
    if (!['GET', 'HEAD'].includes(request.method) && request.header('x-csrf-token') !== found.session.csrf)
      throw new SealfolioError('csrf-invalid');
    return actorOf(found.user);
  }

  return async (request: Request, permission: Route['permission'], requestId: string): Promise<Actor> => {
    if (permission === 'public') return ANONYMOUS;
    const actor = await authenticate(request);
    if (actor.type === 'anonymous') throw new SealfolioError('login-required');
    const may = actor.type === 'user' ? isPermitted(actor.roles, permission) : actor.permissions.includes(permission);
    if (!may) {
      await store.audit.append({
        actor: { type: actor.type, id: actor.id, roles: actor.roles },
        action: `${request.method} ${permission}`,
        object: { type: 'route', id: request.path },
        result: 'denied',
        requestId,
      });
      throw new SealfolioError('permission-denied', { permission });
    }
    return actor;
  };
}

/** Reads one part of a request by its schema; the refusal names every fault. */
function check<T>(schema: z.ZodType<T> | undefined, value: unknown, part: string): T {
  if (schema === undefined) return undefined as T;
  const result = schema.safeParse(value ?? {});
  if (result.success) return result.data;
  const errors = result.error.issues.map((issue) => ({
    pointer: `/${[part, ...issue.path].join('/')}`,
    rule: issue.code,
    message: issue.message,
  }));
  throw new SealfolioError('request-invalid', { errors });
}

/** The api, its pages, and its health, as one Express application. */
export async function createApp(deps: ApiDeps): Promise<Express> {
  const { logger, metrics, store } = deps;
  const app = express();
  app.disable('x-powered-by');
  app.set('trust proxy', 'loopback');
  const routes = createRoutes(deps);
  const gate = createGate(deps);
  const seconds = new Histogram({
    name: 'http_request_seconds',
    help: 'Time to answer',
    labelNames: ['method', 'route', 'status'],
    registers: [metrics],
  });

  app.use((request, response, next) => {
    const requestId = randomUUID();
    response.locals.requestId = requestId;
    response.set({
      'X-Request-Id': requestId,
      'Content-Security-Policy': CSP,
      'X-Content-Type-Options': 'nosniff',
      'Referrer-Policy': 'no-referrer',
    });
    const end = seconds.startTimer();
    response.once('finish', () => {
      const route = (response.locals.route as string | undefined) ?? 'none';
      end({ method: request.method, route, status: response.statusCode });
      logger.debug({ requestId, method: request.method, route, status: response.statusCode }, 'request');
    });
    next();
  });

  app.get('/healthz', (_request, response) => void response.json({ state: 'ok' }));
  app.get('/readyz', async (_request, response) => {
    const isReady = await store.ping();
    response.status(isReady ? 200 : 503).json({ state: isReady ? 'ok' : 'waiting' });
  });
  app.get('/metrics', async (_request, response) => {
    response.type(metrics.contentType).send(await metrics.metrics());
  });

  const uploads = await createUploads(deps);
  app.use(`${API}${UPLOADS_PATH}`, async (request, response) => {
    response.locals.route = UPLOADS_PATH;
    await gate(request, 'batch:write', response.locals.requestId as string);
    request.url = request.originalUrl;
    await uploads.handle(request, response);
  });

  const json = express.json({
    limit: MAX_BODY,
    strict: true,
    verify: (request, _response, buffer) => {
      (request as RawRequest).rawBody = buffer;
    },
  });
  app.get(`${API}/openapi.json`, (_request, response) => void response.json(openApi(routes)));
  for (const route of routes) {
    const handler = async (request: Request, response: Response) => {
      response.locals.route = route.path;
      const requestId = response.locals.requestId as string;
      const actor = await gate(request, route.permission, requestId);
      const answer = await route.handle({
        params: check(route.params, request.params, 'path'),
        query: check(route.query, request.query, 'query'),
        body: check(route.body, request.body as unknown, 'body'),
        actor,
        requestId,
        request,
        response,
      });
      if (response.headersSent) return;
      response.set('Cache-Control', 'no-store');
      if (answer === undefined) response.status(route.status ?? 204).end();
      else response.status((response.locals.status as number | undefined) ?? route.status ?? 200).json(answer);
    };
    app[route.method](`${API}${route.path.replace(/\{(\w+)\}/g, ':$1')}`, json, handler);
  }
  app.use(API, () => {
    throw new SealfolioError('route-not-found');
  });
  if (deps.webDir !== null) serveWeb(app, deps.webDir);
  app.use(onError(deps));
  return app;
}

function serveWeb(app: Express, dir: string): void {
  app.use('/assets', express.static(path.join(dir, 'assets'), { immutable: true, maxAge: '1y' }));
  app.use(express.static(dir, { index: false, maxAge: 0 }));
  app.get('/{*page}', (_request, response) => {
    response.set('Cache-Control', 'no-cache').sendFile(path.resolve(dir, 'index.html'));
  });
}

/** problem+json (RFC 9457) with our code, in Chinese and English. */
function onError({ logger }: ApiDeps): ErrorRequestHandler {
  return (error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    const requestId = response.locals.requestId as string;
    const { code, data } = codeOf(error);
    const { status, zh, en } = PROBLEMS[code] ?? PROBLEMS.internal!;
    if (status >= 500) logger.error({ requestId, code, err: error }, 'request failed');
    if (response.headersSent) return void response.destroy();
    const { errors, ...rest } = data;
    response
      .status(status)
      .set('Cache-Control', 'no-store')
      .type('application/problem+json')
      .json({
        type: `urn:sealfolio:problem:${code}`,
        title: zh,
        status,
        code,
        detail: { zh, en },
        traceId: requestId,
        ...(errors !== undefined && { errors }),
        ...(status < 500 || code === 'card-unavailable' ? { data: rest } : {}),
      });
  };
}

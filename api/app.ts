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
import { isSealfolioError, SealfolioError } from '../domain/errors.ts';
import { Histogram } from '../platform/observe/metrics.ts';
import { readingRoutes } from './archives/reading.ts';
import { archiveRoutes } from './archives/routes.ts';
import { Apps, type RawRequest } from './auth/apps.ts';
import { accountRoutes } from './account/routes.ts';
import { actorOf, isTotpMissing, Sessions, tokenOf } from './auth/sessions.ts';
import { Unproven } from './auth/unproven.ts';
import { batchRoutes } from './batches/routes.ts';
import { stationRoutes } from './batches/stations.ts';
import { catalogRoutes } from './catalog/routes.ts';
import { correctionRoutes } from './corrections/routes.ts';
import { mergeRoutes } from './merges/routes.ts';
import { rebuildRoutes } from './catalog/rebuilds.ts';
import { suggestionRoutes } from './catalog/suggestions.ts';
import { templateRoutes } from './catalog/templates.ts';
import type { ApiDeps } from './deps.ts';
import { once } from './idempotency.ts';
import { eventRoutes } from './events/routes.ts';
import { exportRoutes } from './exports/routes.ts';
import { filterRoutes } from './loans/filters.ts';
import { frontPageRoutes } from './front-pages/routes.ts';
import { holdRoutes } from './loans/holds.ts';
import { jobRoutes } from './loans/jobs.ts';
import { policyRoutes } from './loans/policy.ts';
import { loanReadingRoutes } from './loans/reading.ts';
import { loanRoutes } from './loans/routes.ts';
import { noticeRoutes } from './notices/routes.ts';
import { openApi } from './openapi.ts';
import { departmentRoutes } from './people/departments.ts';
import { deputyRoutes } from './people/deputies.ts';
import { userRoutes } from './people/routes.ts';
import { codeOf, PROBLEMS } from './problems.ts';
import type { Actor, Route } from './route.ts';
import { sessionRoutes } from './session/routes.ts';
import { setupRoutes } from './setup/routes.ts';
import { traced } from './traced.ts';
import { overlayRoutes } from './system/overlay.ts';
import { systemRoutes } from './system/routes.ts';
import { erasureRoutes } from './trace/erasures.ts';
import { Followed } from './trace/followed.ts';
import { traceRoutes } from './trace/routes.ts';
import { createUploads, UPLOADS_PATH } from './uploads/uploads.ts';
import { codecRoutes } from './workflows/codec.ts';
import { workflowRoutes } from './workflows/routes.ts';

export const API = '/api/v1';
const MAX_BODY = '4mb';
const MAX_AGENT = 120;
const MAX_ID = 64;
/** Refusals that say: not you, or not there for you. */
const DENIED = new Set([401, 403, 404, 410, 423]);
/** One that says: not now, by a rule of the member. */
const BY_RULE = 'trace-behind';
const ANONYMOUS: Actor = {
  type: 'anonymous',
  id: 'anonymous',
  displayName: '',
  roles: [],
  permissions: [],
  principals: [],
};
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
  ...setupRoutes(deps),
  ...sessionRoutes(deps),
  ...accountRoutes(deps),
  // Before what has a parameter in the same place.
  ...exportRoutes(deps),
  ...userRoutes(deps),
  ...departmentRoutes(deps),
  ...deputyRoutes(deps),
  ...batchRoutes(deps),
  ...stationRoutes(deps),
  ...archiveRoutes(deps),
  ...readingRoutes(deps),
  ...catalogRoutes(deps),
  ...suggestionRoutes(deps),
  ...rebuildRoutes(deps),
  ...templateRoutes(deps),
  ...frontPageRoutes(deps),
  ...correctionRoutes(deps),
  ...mergeRoutes(deps),
  ...loanReadingRoutes(deps),
  ...loanRoutes(deps),
  ...holdRoutes(deps),
  ...policyRoutes(deps),
  ...jobRoutes(deps),
  ...filterRoutes(deps),
  ...noticeRoutes(deps),
  ...eventRoutes(deps),
  ...traceRoutes(deps),
  ...erasureRoutes(deps),
  ...workflowRoutes(deps),
  ...codecRoutes(deps),
  ...systemRoutes(deps),
  ...overlayRoutes(deps),
];

type Gated = Pick<Route, 'permission' | 'fromTemporalUi'>;
/** Whether somebody did something, and not the page by itself. */
const isOfPerson = (request: Request) => request.header('x-background') === undefined;
const originOf = (url: string | null) => (url === null ? null : new URL(url).origin);

/** Who asks, and why they may not; whoever has not proven it by the signature is just claimed to be it. */
interface Admission {
  actor: Actor;
  refusal?: SealfolioError;
  isClaimed?: true;
}

/** Says who asks, and whether they may. Throws login-required, or the refusal of a system that nobody knows. */
function createGate(deps: ApiDeps) {
  const { store, card, environment, temporalUiUrl } = deps;
  const [sessions, apps] = [new Sessions(deps), new Apps(store, card)];

  async function signed(request: RawRequest): Promise<Admission> {
    try {
      return { actor: await apps.authenticate(request) };
    } catch (error) {
      const actor = isSealfolioError(error) ? await apps.claimed(request) : null;
      if (actor === null) throw error;
      return { actor, refusal: error as SealfolioError, isClaimed: true };
    }
  }

  async function authenticate(request: Request, { permission, fromTemporalUi }: Gated): Promise<Admission> {
    if (request.header('signature') !== undefined) return signed(request as RawRequest);
    const token = tokenOf(request.header('cookie'));
    const found = token === undefined ? null : await sessions.find(token, isOfPerson(request));
    if (found === null) return { actor: ANONYMOUS };
    const actor = actorOf(found, environment);
    // Temporal's pages have no token of ours: a browser tells where a request comes from, and they alone are let in.
    const isTheirs = fromTemporalUi === true && request.header('origin') === originOf(temporalUiUrl);
    const isRead = ['GET', 'HEAD'].includes(request.method);
    if (!isRead && !isTheirs && request.header('x-csrf-token') !== found.session.csrf)
      return { actor, refusal: new SealfolioError('csrf-invalid') };
    if (permission !== 'session' && isTotpMissing(found.user, environment))
      return { actor, refusal: new SealfolioError('totp-enrolment-required') };
    return { actor };
  }

  return async (request: Request, gated: Gated): Promise<Admission> => {
    const { permission } = gated;
    if (permission === 'public') return { actor: ANONYMOUS };
    const place = { address: request.ip ?? '', agent: (request.header('user-agent') ?? '').slice(0, MAX_AGENT) };
    const admission = await authenticate(request, gated);
    const actor: Actor = { ...admission.actor, place };
    if (actor.type === 'anonymous') throw new SealfolioError('login-required');
    if (admission.refusal !== undefined) return { ...admission, actor };
    const may = actor.type === 'user' ? isPermitted(actor.roles, permission) : actor.permissions.includes(permission);
    return may ? { actor } : { actor, refusal: new SealfolioError('permission-denied', { permission }) };
  };
}

type Tried = Pick<Route, 'path' | 'trace'> & { method: string };

/** What a route is about, by the first of its parameters. */
function objectOf({ path: pattern }: Tried, { params }: Request): { type: string; id: string } {
  const [name, id] = Object.entries(params)[0] ?? [];
  if (typeof id === 'string') return { type: name!.replace(/(Id|name)$/, ''), id: id.slice(0, MAX_ID) };
  return { type: pattern.split('/')[1]!.replace(/\..*/, ''), id: 'list' };
}

/**
 * A try that was denied leaves a trace too: not signed, no right, no loan, or nothing there that this person may know of.
 * Throws it on. Who is just claimed to be a system leaves a bounded number of rows; who is nobody we know leaves none.
 */
function createRefusals(store: ApiDeps['store']) {
  const unproven = new Unproven();
  return async (
    route: Tried,
    { actor, isClaimed, requestId, request }: Admission & { requestId: string; request: Request },
    error: unknown,
  ): Promise<never> => {
    const { code } = codeOf(error);
    const isDenied = actor.type !== 'anonymous' && (DENIED.has(PROBLEMS[code]?.status ?? 500) || code === BY_RULE);
    const more = isDenied && isClaimed ? unproven.take(actor.id) : {};
    if (isDenied && more !== null)
      await traced(store, { actor, requestId }, route.trace ?? 'request', objectOf(route, request), {
        result: 'denied',
        details: {
          code,
          route: `${route.method.toUpperCase()} ${route.path}`,
          ...(isClaimed && { isClaimed }),
          ...more,
        },
      });
    throw error;
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
  // Answers are not kept by anyone; those that may be written back carry a revision of their own.
  app.disable('etag');
  app.set('trust proxy', 'loopback');
  const routes = createRoutes(deps);
  const gate = createGate(deps);
  const traceRefusal = createRefusals(store);
  const followed = new Followed();
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
    const requestId = response.locals.requestId as string;
    const admission = await gate(request, { permission: 'batch:write' });
    if (admission.refusal !== undefined)
      await traceRefusal(
        { method: request.method, path: UPLOADS_PATH },
        { ...admission, requestId, request },
        admission.refusal,
      );
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
      const admission = await gate(request, route);
      const { actor } = admission;
      const refuse = (error: unknown) => traceRefusal(route, { ...admission, requestId, request }, error);
      if (admission.refusal !== undefined) await refuse(admission.refusal);
      const call = {
        params: check(route.params, request.params, 'path'),
        query: check(route.query, request.query, 'query'),
        body: check(route.body, request.body as unknown, 'body'),
        actor,
        requestId,
        request,
        response,
      };
      const run = async () => {
        const body = await route.handle(call).catch(refuse);
        if (route.trace !== undefined) {
          const { trace } = route;
          const more = await route.traceOf?.(call, body);
          const leave = (says?: Record<string, unknown>) =>
            traced(store, call, trace, objectOf(route, request), {
              ...more,
              ...(says !== undefined && { details: { ...more?.details, ...says } }),
            });
          const who = `${actor.type}/${actor.id}/${actor.proof?.sessionId ?? ''}`;
          if (route.isFollowed && !isOfPerson(request)) await followed.leave(`${who} ${request.originalUrl}`, leave);
          else await leave();
        }
        const set = (response.locals.status as number | undefined) ?? route.status;
        return { status: set ?? (body === undefined ? 204 : 200), body };
      };
      const key = request.header('idempotency-key');
      const isKept = route.method === 'post' && key !== undefined && actor.type !== 'anonymous' && !route.secret;
      const what = { key: key ?? '', caller: `${actor.type}/${actor.id}`, route: request.path };
      const body = (request as RawRequest).rawBody ?? Buffer.alloc(0);
      const answer = isKept ? await once(store, { ...what, body }, run) : { ...(await run()), replayed: false };
      if (response.headersSent) return;
      response.status(answer.status).set('Cache-Control', 'no-store');
      if (answer.replayed) response.set('Idempotent-Replayed', 'true');
      if (answer.status === 204 || answer.body === undefined) response.end();
      else response.json(answer.body);
    };
    if (route.fromTemporalUi) app.use(`${API}${route.path}`, letTemporalUi(deps.temporalUiUrl));
    app[route.method](`${API}${route.path.replace(/\{(\w+)\}/g, ':$1')}`, json, handler);
  }
  app.use(API, () => {
    throw new SealfolioError('route-not-found');
  });
  if (deps.webDir !== null) serveWeb(app, deps.webDir);
  app.use(onError(deps));
  return app;
}

/** CORS for Temporal's own pages, with the person's cookie: no other origin reads an answer. */
function letTemporalUi(url: string | null): express.RequestHandler {
  return ({ method, headers }, response, next) => {
    const isTheirs = url !== null && headers.origin === originOf(url);
    if (isTheirs)
      response.set({
        'Access-Control-Allow-Origin': headers.origin,
        'Access-Control-Allow-Credentials': 'true',
        'Access-Control-Allow-Headers': 'content-type, x-namespace',
        'Access-Control-Allow-Methods': 'POST',
        Vary: 'Origin',
      });
    if (method === 'OPTIONS') response.status(isTheirs ? 204 : 403).end();
    else next();
  };
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

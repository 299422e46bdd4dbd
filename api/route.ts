import type { Request, Response } from 'express';
import type { z } from 'zod';
import type { Permission, Role } from '../domain/access.ts';
import type { ActorProof, TraceAction } from '../domain/trace.ts';
import type { Principal } from './people/principals.ts';
import type { TraceMore } from './traced.ts';

/** Who asks: a person with a session, a system by its signature, or nobody. */
export interface Actor {
  type: 'user' | 'app' | 'anonymous';
  id: string;
  displayName: string;
  roles: Role[];
  permissions: readonly Permission[];
  departmentId?: string | undefined;
  /** By what it is known who it is; absent where that was not proven. */
  proof?: ActorProof | undefined;
  /** Of a person: whom they act for. */
  principals: readonly Principal[];
  /** Where the request came from, for the trace. */
  place?: { address: string; agent: string };
}

export interface Call<P, Q, B> {
  params: P;
  query: Q;
  body: B;
  actor: Actor;
  requestId: string;
  request: Request;
  response: Response;
}

/** One operation of the api: the table of these is what is served, checked, and described by OpenAPI. */
export interface Route<P = unknown, Q = unknown, B = unknown> {
  method: 'get' | 'post' | 'put' | 'delete';
  /** Under /api/v1, `{name}` for a parameter. */
  path: string;
  permission: Permission;
  summary: string;
  params?: z.ZodType<P>;
  query?: z.ZodType<Q>;
  body?: z.ZodType<B>;
  /** Of the 2xx answer; without, the handler writes the answer itself. */
  answer?: z.ZodType;
  status?: number;
  /** What a read is called in the trace, written before its answer leaves; handlers that write or stream leave theirs themselves. */
  trace?: TraceAction;
  /** What the trace says of this read besides: never what it showed. */
  traceOf?(call: Call<P, Q, B>, answer: unknown): TraceMore | Promise<TraceMore>;
  /** A page follows it: what it asks for in the background leaves one row for some minutes (trace/followed.ts), not one each. */
  isFollowed?: true;
  /** Temporal's own pages call it, from their origin, with the session of the person. */
  fromTemporalUi?: true;
  /** POST only: its answer holds a secret, so that it is not kept for the Idempotency-Key. */
  secret?: true;
  handle(call: Call<P, Q, B>): Promise<unknown>;
}

/** Keeps a route's own types while it goes into the table. */
export const route = <P, Q, B>(definition: Route<P, Q, B>): Route => definition as unknown as Route;

import { z } from 'zod';
import { PROBLEMS } from './problems.ts';
import type { Route } from './route.ts';

type Json = Record<string, unknown>;

const schemaOf = (schema: z.ZodType): Json => {
  const { $schema: _draft, ...json } = z.toJSONSchema(schema, {
    target: 'draft-2020-12',
    unrepresentable: 'any',
    io: 'input',
  });
  return json;
};

function parameters(schema: z.ZodType | undefined, where: 'path' | 'query'): Json[] {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = schemaOf(schema) as { properties?: Json; required?: string[] };
  return Object.entries(properties).map(([name, one]) => ({
    name,
    in: where,
    required: where === 'path' || required.includes(name),
    schema: one,
  }));
}

/** OpenAPI 3.1 of the routes, from the schemas that check them. */
export function openApi(routes: readonly Route[]): Json {
  const paths: Record<string, Json> = {};
  for (const { method, path, permission, summary, params, query, body, answer, status } of routes) {
    const success = String(status ?? (answer === undefined ? 204 : 200));
    (paths[path] ??= {})[method] = {
      summary,
      'x-permission': permission,
      parameters: [...parameters(params, 'path'), ...parameters(query, 'query')],
      ...(body !== undefined && {
        requestBody: { required: true, content: { 'application/json': { schema: schemaOf(body) } } },
      }),
      responses: {
        [success]: {
          description: summary,
          ...(answer !== undefined && { content: { 'application/json': { schema: schemaOf(answer) } } }),
        },
        default: {
          description: 'Refused: see code',
          content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
        },
      },
      ...(permission === 'public' ? { security: [] } : {}),
    };
  }
  const both = { type: 'object', properties: { zh: { type: 'string' }, en: { type: 'string' } } };
  return {
    openapi: '3.1.0',
    info: { title: 'Sealfolio 卷证', version: '1' },
    servers: [{ url: '/api/v1' }],
    paths,
    components: {
      schemas: {
        Problem: {
          type: 'object',
          properties: {
            type: { type: 'string' },
            title: { type: 'string' },
            status: { type: 'integer' },
            code: { type: 'string', enum: Object.keys(PROBLEMS) },
            detail: both,
            traceId: { type: 'string' },
            errors: { type: 'array', items: { type: 'object' } },
          },
        },
      },
      securitySchemes: {
        session: { type: 'apiKey', in: 'cookie', name: 'sealfolio_session' },
        signature: { type: 'apiKey', in: 'header', name: 'Signature', description: 'RFC 9421; docs/api.md' },
      },
    },
    security: [{ session: [] }, { signature: [] }],
  };
}

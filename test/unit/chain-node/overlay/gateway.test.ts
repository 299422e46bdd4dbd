import { once } from 'node:events';
import http from 'node:http';
import request from 'supertest';
import { OverlayError } from '../../../../chain-node/overlay/errors.ts';
import { createGateway } from '../../../../chain-node/overlay/services/gateway.ts';

/** Nothing is asked for but by who may ask. */
const opened: string[] = [];
const open = (member: string, service: string) => {
  opened.push(`${member}/${service}`);
  return Promise.reject(new OverlayError('unreachable', 'nobody is there'));
};
const gateways = new Map<string, http.Server>();
beforeAll(async () => {
  for (const mode of ['loopback', 'any'] as const) {
    const server = http.createServer(createGateway(open, mode)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    gateways.set(mode, server);
  }
});
afterAll(() => gateways.forEach((server) => server.close()));
beforeEach(() => void opened.splice(0));

test.each(['loopback', 'any'])('%s: a program of this machine may ask', async (mode) => {
  const { body } = (await request(gateways.get(mode)!).get('/overlay/yz2/archive/').expect(503)) as { body: object };
  expect(body).toMatchObject({ code: 'unreachable' });
  expect(opened).toEqual(['yz2/archive']);
});

describe.each(['loopback', 'any'])('%s: what a proxy passes on may not', (mode) => {
  test.each([
    ['Forwarded', 'for=203.0.113.9'],
    ['X-Forwarded-For', '203.0.113.9'],
    ['X-Forwarded-Host', 'ledger.example'],
    ['X-Forwarded-Port', '443'],
    ['X-Forwarded-Server', 'edge'],
    ['X-Real-IP', '203.0.113.9'],
    ['Via', '1.1 edge'],
  ])('%s', async (name, value) => {
    const asked = request(gateways.get(mode)!).get('/overlay/yz2/archive/').set(name, value);
    const { body } = (await asked.expect(403)) as { body: object };
    expect(body).toMatchObject({ code: 'denied', reason: expect.stringContaining(name.toLowerCase()) as string });
    expect(opened).toEqual([]);
  });
});

import { nodeConfigSchema } from '../../../chain-node/config.ts';

const P2P = 7443;
const faultsWith = (services: Record<string, { host: string; port: number }>) => {
  const { error } = nodeConfigSchema.safeParse({
    memberId: 'yz1',
    genesisFile: 'genesis.json',
    dataDir: 'ledger',
    keyFile: 'key.json',
    card: { modulePath: 'module.so', tokenLabel: 'yz1', pinFile: 'pin', profile: 'softhsm', sessions: 1 },
    rpc: { host: '127.0.0.1', port: 7444 },
    p2p: { host: '0.0.0.0', port: P2P, certFile: 'tls.pem', keyFile: 'tls.key', caFile: 'ca.pem' },
    peers: [],
    overlay: { services },
  });
  return error?.issues.map(({ path }) => path.join('.')) ?? [];
};

test('the ledger’s links go over the overlay by their own name, and nothing else does', () => {
  expect(faultsWith({ p2p: { host: '127.0.0.1', port: P2P } })).toEqual([]);
  expect(faultsWith({ archive: { host: '10.1.2.3', port: P2P } })).toEqual([]);
  expect(faultsWith({ ledger: { host: '127.0.0.1', port: P2P } })).toEqual(['overlay.services.ledger.port']);
  expect(faultsWith({ p2p: { host: '127.0.0.1', port: 8080 } })).toEqual(['overlay.services.p2p.port']);
});

import { readFileSync } from 'node:fs';
import { parseGenesis } from '../../chain-node/genesis.ts';
import type { Chain } from '../../chain-node/overlay/chain.ts';
import { Overlay, overlaySchema } from '../../chain-node/overlay/index.ts';
import { PolicyState } from '../../chain-node/overlay/policy-state.ts';
import { initialGovernance } from '../../chain-node/state/governance.ts';
import { createLogger } from '../../platform/observe/logger.ts';

/** What one process of the bench is given, as a file. */
export interface EndConfig {
  memberId: string;
  privateKey: string;
  genesis: unknown;
  tls: { certFile: string; keyFile: string; caFile: string };
  dataDir: string;
  port: number | null;
}

const PIECE_BYTES = 256 * 1024;

/** The members and the policy of the genesis, for ever; nothing is attested. */
function standingChain({ memberId, privateKey, genesis: document }: EndConfig): Chain {
  const { chainId, members, policy: text } = parseGenesis(document);
  const governance = initialGovernance(members, text);
  const policy = new PolicyState();
  policy.update(governance.policy);
  return {
    chainId,
    memberId,
    policy,
    governance: () => governance,
    ageMs: () => 0,
    trust: () => ({ authorities: policy.policy.authorities.map(({ pem }) => pem), isBehind: false }),
    privateKey: () => Buffer.from(privateKey, 'hex'),
    onGovernance: () => {},
    onBlock: () => {},
    attest: () => Promise.resolve(null),
    records: () => Promise.resolve([]),
  };
}

/** One process: relays, or takes what is sent to `sink`; told `send BYTES`, it sends so much to the member `b`. */
export async function runEnd(file: string): Promise<void> {
  const config = JSON.parse(readFileSync(file, 'utf8')) as EndConfig;
  const chain = standingChain(config);
  const overlay = await Overlay.start({
    chain,
    tls: config.tls,
    dataDir: config.dataDir,
    config: overlaySchema.parse(config.port === null ? {} : { listen: { host: '127.0.0.1', port: config.port } }),
    logger: createLogger(config.memberId, 'warn'),
    handlers: {
      sink: (stream) => {
        let bytes = 0;
        stream.on('data', (piece: Buffer) => (bytes += piece.length));
        stream.on('end', () => stream.end(String(bytes)));
      },
    },
  });
  process.on('message', (bytes: number) => {
    void send(overlay, bytes).then((seconds) => process.send!({ seconds, cpu: process.cpuUsage() }));
  });
  process.on('disconnect', () => process.exit());
  while (config.memberId === 'a' && overlay.router.routes.paths('b').length === 0)
    await new Promise((done) => setTimeout(done, 50));
  process.send!('ready');
}

async function send(overlay: Overlay, bytes: number): Promise<number> {
  const piece = Buffer.alloc(PIECE_BYTES, 7);
  const stream = await overlay.open('b', 'sink');
  const start = process.hrtime.bigint();
  const answer: Buffer[] = [];
  stream.on('data', (part: Buffer) => answer.push(part));
  const ended = new Promise<void>((done, fail) => {
    stream.once('end', done);
    stream.once('error', fail);
  });
  for (let sent = 0; sent < bytes; sent += PIECE_BYTES)
    if (!stream.write(piece)) await new Promise<void>((done) => stream.once('drain', done));
  stream.end();
  await ended;
  if (Number(Buffer.concat(answer).toString()) !== bytes) throw new Error('not all bytes came');
  return Number(process.hrtime.bigint() - start) / 1e9;
}

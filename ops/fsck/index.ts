import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { readConfig } from '../../platform/config/read.ts';
import { memberConfigSchema } from '../../platform/config/schemas.ts';
import { readGenesis } from '../../chain-node/genesis.ts';
import { readTrust } from '../../platform/ledger/trust.ts';
import { DEMO_MEMBERS, layout } from '../launch/layout.ts';
import type { Finding } from './finding.ts';
import { type ChainStart, chainStart, checkChain, type CheckedChain, compareChains, nodeAt } from './ledger.ts';
import { checkMember } from './member.ts';

const USAGE = 'usage: npm run fsck [-- --genesis FILE --node RPC_URL [--node RPC_URL]...]\n';

/** Checks the chain of each of these nodes from what it begins with, and that they are the same, reading only by their rpc. */
export async function checkNodes(
  rpcUrls: readonly string[],
  start: ChainStart,
  say: (text: string) => void,
): Promise<{ chains: CheckedChain[]; findings: Finding[] }> {
  const chains: CheckedChain[] = [];
  for (const rpcUrl of rpcUrls) {
    const chain = await checkChain(nodeAt(rpcUrl), start);
    chains.push(chain);
    const blocks = `${chain.hashes.length - chain.base} blocks${chain.base > 0 ? ` from ${chain.base + 1} on` : ''}`;
    say(`ledger of ${chain.memberId}: ${blocks}, ${chain.records.length} records`);
  }
  return { chains, findings: [...chains.flatMap(({ findings }) => findings), ...compareChains(chains)] };
}

/** Checks a running consortium, reading only. `members` limits whose database is read; every ledger node is. */
export async function fsck(home: string, members: readonly string[], say: (text: string) => void): Promise<Finding[]> {
  const asOf = Date.now();
  const where = layout(path.resolve(home));
  const start = chainStart(readGenesis(where.genesis));
  const findings: Finding[] = [];
  if (readTrust(where.trust).genesisHash !== start.genesisHash)
    findings.push({ where: 'trust anchor', reason: 'of another genesis' });
  const rpcUrls = DEMO_MEMBERS.map(({ memberId }) => {
    const { rpc } = JSON.parse(readFileSync(where.member(memberId).nodeConfig, 'utf8')) as { rpc: { port: number } };
    return `http://127.0.0.1:${rpc.port}`;
  });
  const { chains, findings: ofChains } = await checkNodes(rpcUrls, start, say);
  findings.push(...ofChains);
  const whole = chains.filter(({ base }) => base === 0);
  const longest = whole.reduce<Pick<CheckedChain, 'hashes' | 'records' | 'keys'>>(
    (most, chain) => (chain.hashes.length > most.hashes.length ? chain : most),
    { hashes: [], records: [], keys: [] },
  );
  for (const memberId of members) {
    const config = readConfig(where.member(memberId).config, memberConfigSchema, 'config');
    findings.push(...(await checkMember(config, longest, asOf)));
    say(`database of ${memberId}: read`);
  }
  return findings;
}

function readArguments(args: readonly string[]): { genesis: string | undefined; nodes: readonly string[] } | null {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { genesis: { type: 'string' }, node: { type: 'string', multiple: true } },
    });
    const nodes = values.node ?? [];
    const isWhole = (values.genesis === undefined) === (nodes.length === 0);
    return isWhole && nodes.every((url) => /^https?:/.test(url) && URL.canParse(url))
      ? { genesis: values.genesis, nodes }
      : null;
  } catch {
    return null;
  }
}

/**
 * `npm run fsck`: the consortium of SEALFOLIO_HOME, or the ledger alone of the nodes that are named. Exit 0 if nothing is
 * wrong, 1 if something is, 2 if it cannot be checked.
 */
export async function main(args: readonly string[]): Promise<number> {
  const named = readArguments(args);
  if (named === null) {
    process.stderr.write(USAGE);
    return 2;
  }
  const home = process.env.SEALFOLIO_HOME ?? '.sealfolio';
  if (named.genesis === undefined && !existsSync(layout(path.resolve(home)).made)) {
    console.error(`there is no consortium in ${home}; set SEALFOLIO_HOME, or start one by npm start.`);
    return 2;
  }
  const say = (text: string) => console.error(text);
  try {
    const members = DEMO_MEMBERS.map(({ memberId }) => memberId);
    const findings =
      named.genesis === undefined
        ? await fsck(home, members, say)
        : (await checkNodes(named.nodes, chainStart(readGenesis(named.genesis)), say)).findings;
    for (const { where, reason } of findings) console.log(`${where}: ${reason}`);
    console.log(findings.length === 0 ? 'nothing wrong' : `${findings.length} wrong`);
    return findings.length === 0 ? 0 : 1;
  } catch (error) {
    console.error(`cannot check: ${error instanceof Error ? error.message : String(error)}; is it running?`);
    return 2;
  }
}

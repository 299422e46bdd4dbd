import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { readConfig } from '../../platform/config/read.ts';
import { memberConfigSchema } from '../../platform/config/schemas.ts';
import { readGenesis } from '../../chain-node/genesis.ts';
import { readTrust } from '../../platform/ledger/trust.ts';
import { DEMO_MEMBERS, layout } from '../launch/layout.ts';
import type { Finding } from './finding.ts';
import { chainStart, checkChain, type CheckedChain, compareChains, nodeAt } from './ledger.ts';
import { checkMember } from './member.ts';

/** Checks a running consortium, reading only. `members` limits whose database is read; every ledger node is. */
export async function fsck(home: string, members: readonly string[], say: (text: string) => void): Promise<Finding[]> {
  const asOf = Date.now();
  const where = layout(path.resolve(home));
  const start = chainStart(readGenesis(where.genesis));
  const findings: Finding[] = [];
  if (readTrust(where.trust).genesisHash !== start.genesisHash)
    findings.push({ where: 'trust anchor', reason: 'of another genesis' });
  const chains: CheckedChain[] = [];
  for (const { memberId } of DEMO_MEMBERS) {
    const { rpc } = JSON.parse(readFileSync(where.member(memberId).nodeConfig, 'utf8')) as { rpc: { port: number } };
    const chain = await checkChain(nodeAt(`http://127.0.0.1:${rpc.port}`), start);
    findings.push(...chain.findings);
    chains.push(chain);
    const blocks = `${chain.hashes.length - chain.base} blocks${chain.base > 0 ? ` from ${chain.base + 1} on` : ''}`;
    say(`ledger of ${memberId}: ${blocks}, ${chain.records.length} records`);
  }
  findings.push(...compareChains(chains));
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

/** `npm run fsck`: exit 0 if nothing is wrong, 1 if something is, 2 if it cannot be checked. */
export async function main(): Promise<number> {
  const home = process.env.SEALFOLIO_HOME ?? '.sealfolio';
  if (!existsSync(layout(path.resolve(home)).made)) {
    console.error(`there is no consortium in ${home}; set SEALFOLIO_HOME, or start one by npm start.`);
    return 2;
  }
  try {
    const members = DEMO_MEMBERS.map(({ memberId }) => memberId);
    const findings = await fsck(home, members, (text) => console.error(text));
    for (const { where, reason } of findings) console.log(`${where}: ${reason}`);
    console.log(findings.length === 0 ? 'nothing wrong' : `${findings.length} wrong`);
    return findings.length === 0 ? 0 : 1;
  } catch (error) {
    console.error(`cannot check: ${error instanceof Error ? error.message : String(error)}; is it running?`);
    return 2;
  }
}

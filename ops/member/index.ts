import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { isSealfolioError } from '../../domain/errors.ts';
import { readPolicy } from '../../chain-node/overlay/policy.ts';
import { ConfigError } from '../../platform/config/read.ts';
import { approve, changeIn, findOpen, propose, type Put, remove, switchRules } from './changes.ts';
import { MemberError } from './errors.ts';
import { issue, makeAuthority } from './issue.ts';
import { changeLine, list } from './list.ts';
import { nodeConfigFile, OwnNode } from './own-node.ts';
import {
  type Difference,
  difference,
  draftIn,
  earlierPolicy,
  decide,
  presentPolicy,
  publish,
  reach,
  withAuthorities,
} from './policy.ts';
import { makeRequest, readRequest } from './request.ts';
import { finishRotation } from './rotated.ts';

const USAGE = `usage: npm run member -- COMMAND (--node NODE.json | --as MEMBER)
  request --name NAME [--role observer|validator] [--dns A,B] [--ip A,B] --out REQUEST.json
  propose REQUEST.json
  approve CHANGE
  rotated --keys KEYS.json
  issue REQUEST.json --ca CA.pem --ca-key CA.key --out CERTIFICATE.pem [--days 365]
  remove MEMBER
  list
  policy [DRAFT.json | --back-to VERSION] [--add-authority CA.pem] [--drop-authority SHA256]
  rules VERSION --from HEIGHT
  can [FROM TO SERVICE] [--policy DRAFT.json]
  authority --name NAME --out DIR [--days 3650]        (needs no node)`;

const OPTIONS = {
  node: { type: 'string' },
  as: { type: 'string' },
  name: { type: 'string' },
  role: { type: 'string' },
  dns: { type: 'string' },
  ip: { type: 'string' },
  out: { type: 'string' },
  keys: { type: 'string' },
  ca: { type: 'string' },
  'ca-key': { type: 'string' },
  days: { type: 'string' },
  policy: { type: 'string' },
  'back-to': { type: 'string' },
  from: { type: 'string' },
  'add-authority': { type: 'string' },
  'drop-authority': { type: 'string' },
} as const;
type Values = Partial<Record<keyof typeof OPTIONS, string>>;
type Command = (values: Values, args: readonly string[]) => Promise<number>;

const say = (text: string) => console.log(text);
const nodeOf = (values: Values) => new OwnNode(nodeConfigFile(values));
const listIn = (text: string | undefined) => text?.split(',').filter((one) => one !== '') ?? [];

function need(value: string | undefined, what: string): string {
  if (value === undefined) throw new MemberError('usage', `${what} is missing\n${USAGE}`);
  return value;
}
function daysIn(text: string | undefined, usual: number): number {
  const days = Number(text ?? usual);
  if (!Number.isInteger(days) || days < 1 || days > 7300) throw new MemberError('usage', '--days is 1 to 7300');
  return days;
}
function writeNew(file: string, content: string): void {
  if (existsSync(file)) throw new MemberError('file-exists', `${file} is there already; it is not overwritten`);
  writeFileSync(file, content, { mode: 0o600, flag: 'wx' });
  say(`written: ${file}`);
}
function sayPut({ id, approvals, needed }: Put): void {
  if (needed === null) say(`adopted: change ${id}`);
  else say(`${approvals.length} of ${needed} approvals (${approvals.join(', ')}); others: approve ${id.slice(0, 16)}`);
}
function sayDifference({ added, removed }: Difference): void {
  for (const { from, to, services } of added) say(`+ ${from} → ${to}  ${services.join(', ')}`);
  for (const { from, to, services } of removed) say(`- ${from} → ${to}  ${services.join(', ')}`);
  if (added.length + removed.length === 0) say('nobody reaches more, or less, than now');
}

const COMMANDS: Record<string, Command> = {
  async request(values) {
    const { config } = nodeOf(values);
    const role = values.role ?? 'observer';
    if (role !== 'observer' && role !== 'validator') throw new MemberError('usage', '--role is observer or validator');
    const asked = {
      name: need(values.name, '--name'),
      role,
      dnsNames: listIn(values.dns),
      ipAddresses: listIn(values.ip),
    } as const;
    const out = need(values.out, '--out');
    writeNew(out, JSON.stringify(await makeRequest(config, asked), null, 2));
    return 0;
  },

  async propose(values, [file]) {
    sayPut(await propose(nodeOf(values), readRequest(need(file, 'REQUEST.json'))));
    return 0;
  },

  async approve(values, [id]) {
    const node = nodeOf(values);
    const open = await findOpen(node, need(id, 'CHANGE'));
    say(changeLine(open));
    const change = changeIn(open);
    if (change.type === 'policy') {
      const read = readPolicy(change.document);
      if ('policy' in read) sayDifference(difference(await node.governance(), read.policy));
    }
    sayPut(await approve(node, open));
    return 0;
  },

  async rotated(values) {
    const changed = await finishRotation(nodeOf(values), need(values.keys, '--keys'));
    for (const file of changed) say(`the new key is in ${file}; what was there is kept beside it`);
    say(changed.length === 0 ? 'done before' : 'now restart the workers, then take nextKeyFile out of node.json');
    return 0;
  },

  async issue(values, [file]) {
    const request = readRequest(need(file, 'REQUEST.json'));
    const authority = { certFile: need(values.ca, '--ca'), keyFile: need(values['ca-key'], '--ca-key') };
    const out = need(values.out, '--out');
    writeNew(out, await issue(nodeOf(values), request, authority, daysIn(values.days, 365)));
    return 0;
  },

  async remove(values, [memberId]) {
    sayPut(await remove(nodeOf(values), need(memberId, 'MEMBER')));
    return 0;
  },

  async list(values) {
    const node = nodeOf(values);
    for (const line of await list(node, await node.governance())) say(line);
    return 0;
  },

  async policy(values, [file]) {
    const node = nodeOf(values);
    const { 'back-to': version, 'add-authority': add, 'drop-authority': drop } = values;
    const governance = await node.governance();
    if ([file, version, add, drop].every((one) => one === undefined)) {
      say(JSON.stringify(presentPolicy(governance), null, 2));
      return 0;
    }
    if (file !== undefined && version !== undefined) throw new MemberError('usage', 'a draft, or --back-to, not both');
    const base =
      file !== undefined
        ? draftIn(file)
        : version !== undefined
          ? await earlierPolicy(node, Number(version))
          : presentPolicy(governance);
    const draft = withAuthorities(base, { add, drop });
    sayDifference(difference(governance, draft));
    sayPut(await publish(node, draft));
    return 0;
  },

  async rules(values, [version]) {
    const [wanted, height] = [Number(need(version, 'VERSION')), Number(need(values.from, '--from'))];
    if (![wanted, height].every(Number.isSafeInteger)) throw new MemberError('usage', 'VERSION and HEIGHT are numbers');
    sayPut(await switchRules(nodeOf(values), wanted, height));
    return 0;
  },

  async can(values, [from, to, service]) {
    const governance = await nodeOf(values).governance();
    const policy = values.policy === undefined ? presentPolicy(governance) : draftIn(values.policy);
    if (from === undefined) {
      for (const one of reach(governance, policy)) say(`${one.from} → ${one.to}  ${one.services.join(', ')}`);
      return 0;
    }
    const question = { from, to: need(to, 'TO'), service: need(service, 'SERVICE') };
    const { allowed, reason } = decide(governance, policy, question);
    say(`${allowed ? 'yes' : 'no'}: ${reason}`);
    return allowed ? 0 : 1;
  },

  async authority(values) {
    const dir = need(values.out, '--out');
    const { certificate, key } = makeAuthority(need(values.name, '--name'), daysIn(values.days, 3650));
    writeNew(path.join(dir, 'ca.key'), key);
    writeNew(path.join(dir, 'ca.pem'), certificate);
    return Promise.resolve(0);
  },
};

/** `npm run member`: exit 0 done (or allowed), 1 refused (or denied), 2 not understood. */
export async function main(argv: readonly string[]): Promise<number> {
  try {
    const { values, positionals } = parseArgs({ args: [...argv], allowPositionals: true, options: OPTIONS });
    const [name, ...args] = positionals;
    const command = Object.hasOwn(COMMANDS, name ?? '') ? COMMANDS[name!] : undefined;
    if (command === undefined) throw new MemberError('usage', USAGE);
    return await command(values, args);
  } catch (error) {
    if (error instanceof MemberError) {
      console.error(error.code === 'usage' ? error.reason : error.message);
      return error.code === 'usage' ? 2 : 1;
    }
    const isKnown =
      error instanceof ConfigError || isSealfolioError(error) || (error as { code?: string }).code !== undefined;
    if (!isKnown) throw error;
    console.error((error as Error).message);
    return 2;
  }
}

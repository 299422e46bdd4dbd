import path from 'node:path';

export const CHAIN_ID = 'yunzhou-demo';
/** Members of the demo: three hospitals and the regional platform. All made up. */
export const DEMO_MEMBERS = [
  { memberId: 'yz1', name: '云州市第一人民医院' },
  { memberId: 'yz2', name: '云州市中医医院' },
  { memberId: 'yz3', name: '云州市妇幼保健院' },
  { memberId: 'yzp', name: '云州市区域健康平台' },
] as const;
/** Those that carry what the others say to each other: two, so that one may be away. */
export const DEMO_RELAYS: readonly string[] = ['yzp', 'yz3'];
export type DemoMember = (typeof DEMO_MEMBERS)[number];

/** Real parts that provisioning found. */
export interface Binaries {
  mongod: string;
  temporal: string;
  pkcs11Module: string;
}

export interface MemberPorts {
  http: number;
  worker: number;
  rpc: number;
  p2p: number;
}

export interface Ports {
  mongod: number;
  temporal: number;
  temporalUi: number;
  members: Record<string, MemberPorts>;
}

export const PORT_COUNT = 3 + 4 * DEMO_MEMBERS.length;

/** Ports in a row: each member's page first, from `base`. */
export function portsFrom(ports: readonly number[]): Ports {
  const take = [...ports];
  const next = () => take.shift()!;
  const pages = DEMO_MEMBERS.map(next);
  const members = Object.fromEntries(
    DEMO_MEMBERS.map(({ memberId }, i) => [memberId, { http: pages[i]!, worker: next(), rpc: next(), p2p: next() }]),
  );
  return { mongod: next(), temporal: next(), temporalUi: next(), members };
}

export const flatPorts = ({ members, ...rest }: Ports): number[] => [
  ...Object.values(members).flatMap((ports) => Object.values(ports as MemberPorts)),
  ...Object.values(rest),
];

/** Where everything of a consortium lies under SEALFOLIO_HOME. */
export const layout = (home: string) => ({
  home,
  /** Written last when a home is made: without it the making begins again. */
  made: path.join(home, 'consortium.json'),
  lock: path.join(home, 'lock'),
  genesis: path.join(home, 'genesis.json'),
  trust: path.join(home, 'trust.json'),
  demo: path.join(home, 'demo.json'),
  tls: path.join(home, 'tls'),
  mongod: path.join(home, 'mongod'),
  temporal: path.join(home, 'temporal'),
  run: path.join(home, 'run'),
  member: (memberId: string) => {
    const dir = path.join(home, 'members', memberId);
    const file = (name: string) => path.join(dir, name);
    return {
      dir,
      config: file('config.json'),
      nodeConfig: file('node.json'),
      keys: file('keys.json'),
      ledgerKey: file('ledger-key.json'),
      pin: file('pin'),
      soPin: file('so-pin'),
      certificate: file('signer.der'),
      authority: file('authority.der'),
      seal: file('seal.der'),
      ledger: file('ledger'),
      scannerSecret: file('scanner.secret'),
    };
  },
});
export type Layout = ReturnType<typeof layout>;

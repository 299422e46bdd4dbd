import type { Violation } from './oracle.ts';

/** A fault put into the sources on purpose, to show that the simulator would see it. */
export interface Mutant {
  name: string;
  /** Tried first: it has caught this one before. */
  seed?: number;
  /** What it must show to count as caught; any violation if absent. */
  shows?: Violation['property'];
  edits: readonly { file: string; find: string; replace: string }[];
}

const core = 'chain-node/consensus/core.ts';
const driver = 'chain-node/consensus/driver.ts';
const signer = 'chain-node/consensus/signer.ts';
const governance = 'chain-node/state/governance.ts';
const ledger = 'chain-node/state/ledger.ts';
const verifyBlock = 'chain-node/sync/verify-block.ts';
const intake = 'chain-node/mempool/intake.ts';
const mempool = 'chain-node/mempool/mempool.ts';

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'votes for another block than the one it is locked on',
    seed: 1673,
    edits: [
      {
        file: core,
        find: 'const free = state.lockedRound === -1 || same(state.lockedHash, proposal.hash);',
        replace: 'const free = true;',
      },
    ],
  },
  {
    name: 'takes half of the votes for a quorum',
    seed: 8,
    edits: [{ file: core, find: '3 * count > 2 * validators', replace: '2 * count >= validators' }],
  },
  {
    name: 'precommits when f + 1 have prevoted',
    seed: 3,
    edits: [
      {
        file: core,
        find: 'valid && isQuorum(countFor(prevotes, hash), n)',
        replace: 'valid && isAnyHonest(countFor(prevotes, hash), n)',
      },
    ],
  },
  {
    name: 'counts precommits for any block',
    edits: [
      {
        file: core,
        find: 'votesFor(votesOf(state, round).precommits, proposal.hash)',
        replace: '[...votesOf(state, round).precommits.values()].flat()',
      },
    ],
  },
  {
    name: 'does not begin the next round when precommits time out',
    edits: [
      {
        file: core,
        find: "else if (event.step === 'precommit') startRound",
        replace: 'else if (state.round < 0) startRound',
      },
    ],
  },
  {
    name: 'forgets what it signed, and its log, when it crashes',
    seed: 58,
    shows: 'equivocation',
    edits: [
      { file: signer, find: '    this.#file.sync();\n', replace: '' },
      { file: driver, find: 'this.options.wal.sync();', replace: '{}' },
    ],
  },
  {
    name: 'forgets its lock when it crashes',
    seed: 58,
    shows: 'equivocation',
    edits: [
      {
        file: driver,
        find: 'for (const entry of wal.entries) {',
        replace: 'for (const entry of wal.entries.slice(0, 0)) {',
      },
      { file: signer, find: '    this.#file.sync();\n', replace: '' },
    ],
  },
  {
    name: 'takes proposals without looking into the block',
    seed: 27,
    edits: [{ file: ledger, find: '    this.#checkHeader(header, nowMs);\n', replace: '' }],
  },
  {
    name: 'does not check who signed a vote',
    edits: [
      {
        file: driver,
        find: '!world.signatures.verify(publicKey, signed.message, vote.signature)',
        replace: 'signed === undefined',
      },
    ],
  },
  {
    name: 'catches up with blocks that nobody signed',
    edits: [{ file: verifyBlock, find: 'if (fault !== null) throw fault;', replace: '' }],
  },
  {
    name: 'takes other transactions under the hash of a final block',
    seed: 10,
    edits: [
      {
        file: verifyBlock,
        find: 'if (!header.txRoot.equals(txRootOf(txs.map(({ hash }) => hash))))',
        replace: 'if (txs.length < 0)',
      },
    ],
  },
  {
    name: 'takes any root of the log',
    seed: 48,
    shows: 'validity',
    edits: [{ file: ledger, find: ' || !header.logRoot.equals(extension.root)', replace: '' }],
  },
  {
    name: 'takes any hash of the state',
    seed: 27,
    shows: 'validity',
    edits: [{ file: ledger, find: '!header.stateHash.equals(after)', replace: 'after.length === 0' }],
  },
  {
    name: 'takes a transaction a second time',
    seed: 9,
    edits: [
      {
        file: ledger,
        find: '!isWaiting(tx) && this.store.txIdOfNonce(tx) !== null',
        replace: '!isWaiting(tx) && txs.length < 0',
      },
      { file: intake, find: 'usedBy === null && this.mempool.add(answer)', replace: 'this.mempool.add(answer)' },
      { file: mempool, find: ' || this.#recent.has(tx.id)', replace: '' },
      { file: mempool, find: ' || this.#recent.has(nonce)', replace: '' },
    ],
  },
  {
    name: 'shows a block as final before it is on the disk',
    edits: [
      { file: ledger, find: 'await this.store.append({', replace: 'this.late = () => this.store.append({' },
      { file: ledger, find: '  #height = 0;', replace: '  late = async () => {};\n  #height = 0;' },
      {
        file: driver,
        find: 'onDecided(prepared.header, placed);',
        replace: 'onDecided(prepared.header, placed);\n    await ledger.late();',
      },
    ],
  },
  {
    name: 'lets a change of members take effect at once',
    seed: 23,
    edits: [{ file: governance, find: 'effectiveAt > 0 && effectiveAt <= height + 1', replace: 'effectiveAt > 0' }],
  },
  {
    name: 'signs after a start without asking what it signed before',
    seed: 9,
    edits: [{ file: driver, find: '| null = new Map();', replace: '| null = null;' }],
  },
  {
    name: 'goes on when a block did not fit on the disk',
    seed: 15,
    edits: [
      {
        file: 'chain-node/store/block-store.ts',
        find: "puts.push(['head', u64(height)]);\n    await this.#write(puts);",
        replace: "puts.push(['head', u64(height)]);\n    await this.#write(puts).catch(() => {});",
      },
    ],
  },
  {
    name: 'trusts the torn end of its log',
    edits: [
      {
        file: 'chain-node/consensus/wal.ts',
        find: 'if (this.#check([payload]) !== bytes.readUInt32BE(this.#at + 4)) break;',
        replace: '',
      },
    ],
  },
];

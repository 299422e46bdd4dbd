/** A fault put into the sources on purpose, to show that the simulator would see it. */
export interface Mutant {
  name: string;
  edits: readonly { file: string; find: string; replace: string }[];
}

const core = 'chain-node/consensus/core.ts';
const driver = 'chain-node/consensus/driver.ts';
const signer = 'chain-node/consensus/signer.ts';
const ledger = 'chain-node/state/ledger.ts';

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'votes for another block than the one it is locked on',
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
    edits: [{ file: core, find: '3 * count > 2 * validators', replace: '2 * count >= validators' }],
  },
  {
    name: 'precommits when f + 1 have prevoted',
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
    edits: [
      { file: signer, find: 'this.disk.replace(FILE, JSON.stringify(this.#last));', replace: '' },
      { file: driver, find: '    this.options.wal.sync();\n', replace: '' },
    ],
  },
  {
    name: 'forgets its lock when it crashes',
    edits: [
      {
        file: driver,
        find: 'const entries = wal.entries.filter((entry) => this.#isOfThisHeight(entry));',
        replace: 'const entries: WalEntry[] = [];',
      },
      { file: signer, find: 'this.disk.replace(FILE, JSON.stringify(this.#last));', replace: '' },
    ],
  },
  {
    name: 'takes proposals without looking into the block',
    edits: [{ file: driver, find: 'valid: this.#checked.get(id) !== null }', replace: 'valid: true }' }],
  },
  {
    name: 'does not check who signed a vote',
    edits: [
      {
        file: driver,
        find: '!world.signatures.verify(publicKey, voteMessage(',
        replace: '!((..._: unknown[]) => true)(publicKey, voteMessage(',
      },
    ],
  },
  {
    name: 'catches up with blocks that nobody signed',
    edits: [{ file: driver, find: 'await ledger.checkCommit(block.header, commit);', replace: '' }],
  },
  {
    name: 'takes other transactions under the hash of a block that it knows',
    edits: [{ file: driver, find: '    checkTxRoot(proposal.block);\n', replace: '' }],
  },
  {
    name: 'takes a transaction a second time',
    edits: [
      {
        file: ledger,
        find: 'if (nonces.has(nonce) || (await this.store.txIdOfNonce(tx.sender, tx.nonce)) !== null)',
        replace: 'if (nonces.has(nonce))',
      },
      { file: 'chain-node/node.ts', find: 'if (used === id) return id;', replace: '' },
      {
        file: 'chain-node/node.ts',
        find: "if (used !== null) throw new LedgerError('transaction-invalid', 'nonce was used by another transaction');",
        replace: '',
      },
    ],
  },
  {
    name: 'shows a block as final before it is on the disk',
    edits: [
      { file: ledger, find: '    await this.store.append(block, commit, applied.txs);\n', replace: '' },
      {
        file: driver,
        find: '    onDecided(block.header, applied);\n',
        replace: '    onDecided(block.header, applied);\n    await ledger.store.append(block, commit, applied);\n',
      },
    ],
  },
  {
    name: 'clears its log before it is synced to the disk again, and trusts the torn end',
    edits: [
      {
        file: 'chain-node/consensus/wal.ts',
        find: '        break;\n      this.entries',
        replace: '        {}\n      this.entries',
      },
    ],
  },
];

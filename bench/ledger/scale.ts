import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type CheckedTx, inlineChecker, isFine } from '../../chain-node/mempool/checker.ts';
import { encodeTransaction, signTransaction, TxType, encodeAttestBody } from '../../chain-node/codec/transaction.ts';
import { VoteType, voteMessage } from '../../chain-node/codec/vote.ts';
import { type Genesis, parseGenesis } from '../../chain-node/genesis.ts';
import { Ledger } from '../../chain-node/state/ledger.ts';
import { LedgerReader } from '../../chain-node/state/reader.ts';
import { systemDisk } from '../../chain-node/store/system-disk.ts';
import { sm2 } from '../../platform/crypto/index.ts';
import { report } from '../report.ts';

const MEMBER = 'bench';
const RECORDS_EACH = 256;
const TXS_EACH = 64;
/** Where the start is measured. */
const START_AT = 1_000_000;
const HOT_KEY = Buffer.alloc(32, 7);
/** Every so many transactions one record goes under the hot key. */
const HOT_EVERY = 400;
const SAMPLES = 1000;

const percentile = (values: number[], p: number) => values.sort((a, b) => a - b)[Math.floor(p * (values.length - 1))]!;

async function timed(samples: number, run: (i: number) => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < samples; i += 1) {
    const start = performance.now();
    await run(i);
    times.push(performance.now() - start);
  }
  return times;
}

/** A chain of one member, made through the same code as any, without a network: as large as it is to be. */
class Grown {
  readonly #key = sm2.generateKeyPair();
  readonly genesis: Genesis = parseGenesis({
    chainId: 'bench',
    time: new Date().toISOString(),
    members: [{ memberId: MEMBER, name: MEMBER, publicKey: this.#key.publicKey.toString('hex'), role: 'validator' }],
  });
  readonly dir = mkdtempSync(path.join(os.tmpdir(), 'sealfolio-scale-'));
  readonly #checker = inlineChecker(sm2);
  #count = 0;

  open = () => Ledger.open(this.genesis, { disk: systemDisk(this.dir), signatures: sm2 });

  #transaction(): Buffer {
    this.#count += 1;
    const isHot = this.#count % HOT_EVERY === 0;
    const records = Array.from({ length: RECORDS_EACH }, (_, i) => ({
      stream: 'archive',
      key: isHot && i === 0 ? HOT_KEY : randomBytes(32),
      digest: randomBytes(32),
      note: Buffer.alloc(0),
    }));
    const body = encodeAttestBody(records);
    const unsigned = { chainId: 'bench', sender: MEMBER, nonce: randomBytes(16), type: TxType.attest, body };
    return encodeTransaction(signTransaction(unsigned, this.#key.privateKey));
  }

  async addBlock(ledger: Ledger): Promise<CheckedTx[]> {
    const { chainId } = this.genesis;
    const encoded = Array.from({ length: TXS_EACH }, () => this.#transaction());
    const checked = await this.#checker.check(encoded, { chainId, members: ledger.members }, 'commit');
    const txs = checked.filter(isFine);
    const { prepared } = ledger.build(txs, MEMBER, Date.now());
    const { height } = prepared.header;
    const vote = { type: VoteType.precommit, height, round: 0, blockHash: prepared.hash, voter: MEMBER };
    const signature = sm2.sign(this.#key.privateKey, voteMessage(chainId, vote));
    await ledger.append(prepared, { ...vote, signatures: [{ memberId: MEMBER, signature }] });
    return txs;
  }
}

/** What a large ledger costs: to start it, to prove a record, to find the history of a key. */
export async function scale(records: number): Promise<void> {
  const grown = new Grown();
  try {
    let ledger = await grown.open();
    const some: string[] = [];
    const started = performance.now();
    let isStartDone = records < START_AT;
    while (ledger.logSize < records) {
      const txs = await grown.addBlock(ledger);
      some.push(txs[Math.floor(Math.random() * txs.length)]!.id);
      if (isStartDone || ledger.logSize < START_AT) continue;
      isStartDone = true;
      const { logSize } = ledger;
      await ledger.store.close();
      const [ms] = await timed(1, async () => {
        ledger = await grown.open();
      });
      report({ bench: 'ledger', figure: 'ledger.start', value: ms! / 1000, unit: 's', note: `${logSize} records` });
      process.stderr.write(`${ledger.logSize} records\n`);
    }
    const { logSize } = ledger;
    const rate = logSize / ((performance.now() - started) / 1000);
    process.stderr.write(`${logSize} records made in one process, ${Math.round(rate)}/s\n`);
    const note = `${logSize} records`;
    const reader = new LedgerReader(ledger);
    const proofs = await timed(SAMPLES, () => ledger.log.inclusionPath(Math.floor(Math.random() * logSize)));
    report({ bench: 'ledger', figure: 'ledger.proof.p50', value: percentile(proofs, 0.5), unit: 'ms', note });
    report({ bench: 'ledger', figure: 'ledger.proof.p99', value: percentile(proofs, 0.99), unit: 'ms', note });
    const pick = () => some[Math.floor(Math.random() * some.length)]!;
    const receipts = await timed(SAMPLES, () => reader.receipt(pick(), Math.floor(Math.random() * RECORDS_EACH)));
    report({ bench: 'ledger', figure: 'ledger.receipt.p50', value: percentile(receipts, 0.5), unit: 'ms', note });
    const history = await reader.byKey('archive', HOT_KEY, 0, 20);
    const histories = await timed(SAMPLES / 5, () => reader.byKey('archive', HOT_KEY, 0, 20));
    const found = `${note}, ${history.length} of the key`;
    report({
      bench: 'ledger',
      figure: 'ledger.history.p50',
      value: percentile(histories, 0.5),
      unit: 'ms',
      note: found,
    });
    report({
      bench: 'ledger',
      figure: 'ledger.history.p99',
      value: percentile(histories, 0.99),
      unit: 'ms',
      note: found,
    });
    await ledger.store.close();
  } finally {
    rmSync(grown.dir, { recursive: true, force: true });
  }
}

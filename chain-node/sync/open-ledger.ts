import type { Logger } from '../../platform/observe/logger.ts';
import { LedgerError } from '../errors.ts';
import type { Genesis } from '../genesis.ts';
import { Ledger } from '../state/ledger.ts';
import type { RulesTable } from '../state/rules.ts';
import { BlockStore } from '../store/block-store.ts';
import type { LogFile, World } from '../world.ts';
import { checkAhead, verifyBlock } from './verify-block.ts';

const STORE = 'blocks';
const DAMAGED = 'blocks-damaged';
const Mark = { none: 0, damaged: 1, setAside: 2 } as const;
type Mark = (typeof Mark)[keyof typeof Mark];

/** Remembers over restarts that the store is damaged, and how far its repair is. */
export class DamageMark {
  readonly #file: LogFile;
  #value: Mark;

  constructor({ disk }: Pick<World, 'disk'>) {
    this.#file = disk.log('damaged');
    this.#value = (this.#file.content[0] ?? Mark.none) as Mark;
  }

  get value(): Mark {
    return this.#value;
  }

  set(value: Mark): void {
    this.#file.write([Uint8Array.of(value)], 0);
    this.#file.sync();
    this.#value = value;
  }

  /** The store is not what was written: the next start takes what is good in it, and the rest from the others. */
  damaged(): void {
    this.set(Mark.damaged);
  }

  close(): void {
    this.#file.close();
  }
}

const isDamage = (error: unknown): error is LedgerError =>
  error instanceof LedgerError && error.code === 'store-corrupt';

type Parts = Pick<World, 'disk' | 'signatures' | 'checker'>;

/** Takes blocks from a damaged store until the first that is not good; gives how many. They are checked like a stranger's. */
async function salvage(ledger: Ledger, { disk, checker }: Parts): Promise<number> {
  const from = ledger.height;
  let old: BlockStore | undefined;
  try {
    old = new BlockStore(await disk.keyValues(DAMAGED));
    await old.checkFormat(ledger.knownRules).catch((error: unknown) => {
      if (!isDamage(error)) throw error;
    });
    for (const evidence of await old.evidence(Infinity)) await ledger.store.addEvidence(evidence);
    for (;;) {
      const height = ledger.height + 1;
      const block = { ...(await old.certificate(height)), txs: await old.txs(height) };
      await ledger.append(await verifyBlock(ledger, block, checkAhead(ledger, checker, block)), block.commit);
    }
  } catch (error) {
    if (!(error instanceof LedgerError) || error.code === 'store-newer') throw error;
  } finally {
    await old?.close();
  }
  return ledger.height - from;
}

/**
 * Opens the ledger. A store that is damaged is set aside, and kept there; what is good in it is taken over, and the rest
 * comes from the others, as for any node that is behind. What it signed is kept apart, so it signs nothing twice. Throws
 * store-newer if a later program wrote it, or by rules that are not known.
 */
export async function openLedger(
  genesis: Genesis,
  parts: Parts,
  mark: DamageMark,
  logger: Logger,
  onCorrupt: (error: LedgerError) => void,
  rules?: RulesTable,
): Promise<Ledger> {
  const { disk } = parts;
  if (mark.value === Mark.none)
    try {
      return await Ledger.open(genesis, parts, onCorrupt, rules);
    } catch (error) {
      if (!isDamage(error)) throw error;
      logger.error({ reason: error.reason }, 'the store is damaged');
      mark.damaged();
    }
  if (mark.value === Mark.damaged) {
    disk.rename(STORE, DAMAGED);
    mark.set(Mark.setAside);
  }
  const ledger = await Ledger.open(genesis, parts, onCorrupt, rules);
  const blocks = await salvage(ledger, parts).catch(async (error: unknown) => {
    await ledger.store.close();
    throw error;
  });
  mark.set(Mark.none);
  logger.warn({ blocks, height: ledger.height, kept: DAMAGED }, 'blocks were taken from the damaged store');
  return ledger;
}

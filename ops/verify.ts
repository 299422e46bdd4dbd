import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { sm2 } from '../platform/crypto/index.ts';
import { createSm3, sm3 } from '../platform/crypto/sm3.ts';
import { type FileDigests, type Trust, type Verdict, verifyReceipt } from '../verifier/index.ts';

const USAGE = 'usage: npm run verify -- RECEIPT.json FILE.ofd [--trust TRUST.json]';
const EXIT = { valid: 0, invalid: 1, unknown: 2 } as const;
const MARK = { pass: '✓', fail: '✗', unknown: '?', skipped: '–' } as const;
const SENTENCE = {
  valid: '有效: 此文件与回执一致，由联盟成员共同见证。 Valid: the file is what the members attested.',
  invalid: '无效。 Invalid.',
  unknown: '无法判定。 Cannot tell.',
} as const;

/** What keeps the command from looking at all: a missing argument, an unreadable file. Exit 2. */
class CannotTell extends Error {}

async function digestFile(file: string): Promise<FileDigests> {
  const [own, exported] = [createSm3(), createHash('sha256')];
  let bytes = 0;
  for await (const piece of createReadStream(file, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
    own.update(piece);
    exported.update(piece);
    bytes += piece.length;
  }
  return { bytes, sm3: own.digest('hex'), sha256: exported.digest('hex') };
}

/** The anchor that was named, else that of the consortium on this machine; null if there is none. */
function readTrust(named: string | undefined): Trust | null {
  const file = named ?? path.join(process.env.SEALFOLIO_HOME ?? '.sealfolio', 'trust.json');
  if (named === undefined && !existsSync(file)) return null;
  const { chainId, genesisHash, membersHash } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  if (typeof chainId !== 'string' || typeof genesisHash !== 'string' || typeof membersHash !== 'string')
    throw new CannotTell(`${file} is no trust anchor: it needs chainId, genesisHash and membersHash`);
  return { chainId, genesisHash, membersHash };
}

function print(verdict: Verdict, trust: Trust | null): void {
  for (const { layer, state, zh, en, reason } of verdict.layers)
    console.log(`${MARK[state]} ${layer.padEnd(9)} ${zh} ${en}${reason === undefined ? '' : `: ${reason}`}`);
  console.log(SENTENCE[verdict.verdict]);
  const { receipt } = verdict;
  if (verdict.verdict !== 'invalid' && receipt !== undefined) {
    const { header, commit } = receipt.ledger;
    const at = new Date(header.timeMs).toISOString();
    const signers = commit.signatures.map((signature) => signature.memberId).join(', ');
    console.log(`chain ${header.chainId}, height ${header.height}, ${at}, signed by ${signers}`);
    const [first] = [...receipt.ledger.handovers, receipt.ledger];
    if (trust === null)
      console.log(`compare with what the members publish, or give --trust: membersHash ${first!.header.membersHash}`);
  }
}

/** `npm run verify`: exit 0 valid, 1 invalid (the failing layer is marked), 2 cannot tell. Needs no server and no account. */
export async function main(argv: readonly string[]): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      options: { trust: { type: 'string' } },
      allowPositionals: true,
    });
    const [receiptFile, file, ...more] = positionals;
    if (receiptFile === undefined || file === undefined || more.length > 0) throw new CannotTell(USAGE);
    if (!statSync(file).isFile()) throw new CannotTell(`${file} is no file`);
    const trust = readTrust(values.trust);
    const verdict = verifyReceipt(readFileSync(receiptFile, 'utf8'), await digestFile(file), trust, {
      sm3,
      sm2Verify: sm2.verify.bind(sm2),
    });
    print(verdict, trust);
    return EXIT[verdict.verdict];
  } catch (error) {
    console.error(`cannot tell: ${error instanceof Error ? error.message : String(error)}`);
    return EXIT.unknown;
  }
}

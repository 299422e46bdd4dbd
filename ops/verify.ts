import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { sm2 } from '../platform/crypto/index.ts';
import { createSm3, sm3 } from '../platform/crypto/sm3.ts';
import { EVIDENCE_FORMAT, type EvidenceStep, verifyEvidence } from '../verifier/evidence-file.ts';
import { type FileDigests, type Trust, type Verdict, verifyReceipt } from '../verifier/index.ts';

const USAGE = 'usage: npm run verify -- RECEIPT.json FILE.ofd | EVIDENCE.json [--trust TRUST.json]';
const EXIT = { valid: 0, invalid: 1, unknown: 2 } as const;
const MARK = { pass: '✓', fail: '✗', unknown: '?', skipped: '–' } as const;
const SENTENCE = {
  valid: '有效: 此文件与回执一致，由联盟成员共同见证。 Valid: the file is what the members attested.',
  invalid: '无效。 Invalid.',
  unknown: '无法判定。 Cannot tell.',
} as const;

/** What is said of evidence against members. */
const EVIDENCE_SENTENCE = {
  valid: '证据成立。 The evidence proves what it says.',
  invalid: '证据不成立。 The evidence does not prove what it says.',
  unknown: '签名成立，公钥属于谁需另行确认。 The signatures are right; somebody has to vouch for the keys.',
} as const;
const EVIDENCE_STEPS: Record<EvidenceStep['name'], { zh: string; en: string }> = {
  form: { zh: '证据格式', en: 'Form of the evidence' },
  members: { zh: '成员集与区块头一致', en: 'The members are the headers’' },
  equivocation: { zh: '同一步骤的两份签名', en: 'Two signatures for one step' },
  twoBlocks: { zh: '同一高度的两个区块', en: 'Two blocks of one height' },
  forkCertificate: { zh: '区块的多数签名', en: 'A quorum’s signatures under the block' },
  forkAccused: { zh: '两边都签了的成员', en: 'Members that signed both' },
  splitView: { zh: '另一本账的检查点', en: 'A checkpoint of another ledger' },
  handover: { zh: '成员交接', en: 'Handovers between members' },
  trustAnchor: { zh: '信任锚', en: 'Trust anchor' },
};
const crypto = { sm3, sm2Verify: sm2.verify.bind(sm2) };

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

/** null: it is no evidence. */
function evidenceOf(file: string): string | null {
  const content = readFileSync(file, 'utf8');
  return content.includes(`"${EVIDENCE_FORMAT}"`) ? content : null;
}

function checkEvidence(content: string, trust: Trust | null): number {
  const { verdict, steps, file } = verifyEvidence(content, trust, crypto);
  for (const { name, state, values, detail } of steps) {
    const said = [...Object.entries(values ?? {}).map(([key, value]) => `${key} ${value}`), detail].filter(Boolean);
    const { zh, en } = EVIDENCE_STEPS[name];
    console.log(`${MARK[state]} ${name.padEnd(15)} ${zh} ${en}${said.length === 0 ? '' : `: ${said.join(', ')}`}`);
  }
  console.log(EVIDENCE_SENTENCE[verdict]);
  if (file !== undefined) console.log(`${file.evidence.type}, chain ${file.chainId}, height ${file.evidence.height}`);
  return EXIT[verdict];
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
    if (receiptFile === undefined || more.length > 0) throw new CannotTell(USAGE);
    const evidence = file === undefined ? evidenceOf(receiptFile) : null;
    if (evidence !== null) return checkEvidence(evidence, readTrust(values.trust));
    if (file === undefined) throw new CannotTell(USAGE);
    if (!statSync(file).isFile()) throw new CannotTell(`${file} is no file`);
    const trust = readTrust(values.trust);
    const verdict = verifyReceipt(readFileSync(receiptFile, 'utf8'), await digestFile(file), trust, crypto);
    print(verdict, trust);
    return EXIT[verdict.verdict];
  } catch (error) {
    console.error(`cannot tell: ${error instanceof Error ? error.message : String(error)}`);
    return EXIT.unknown;
  }
}

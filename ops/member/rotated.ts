import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { wrappedKeySchema } from '../../chain-node/config.ts';
import { sm2 } from '../../platform/crypto/index.ts';
import { MemberError } from './errors.ts';
import { type OwnNode, unwrapKey } from './own-node.ts';

/** The member's keys (platform/card/keys.ts), as far as a rotation touches them. */
const keysSchema = z.looseObject({ ledger: wrappedKeySchema.extend({ publicKey: z.hex() }) });

/** Puts the content in the place of the file's, which is kept beside it under the key that it held; all or nothing. */
function replace(file: string, content: string, oldKey: string): void {
  const kept = `${file}.${oldKey.slice(2, 18)}`;
  if (!existsSync(kept)) writeFileSync(kept, readFileSync(file), { mode: 0o600, flag: 'wx' });
  writeFileSync(`${file}.new`, content, { mode: 0o600, flush: true });
  renameSync(`${file}.new`, file);
}

/**
 * What is left to do once a key of `nextKeyFile` is in force: puts it into the member's keys, by which its workers sign,
 * and into the node's `keyFile`. Gives the files that changed; none if all was done before. Throws MemberError:
 * key-missing without a `nextKeyFile`, not-adopted, keys-invalid.
 */
export async function finishRotation(node: OwnNode, keysFile: string): Promise<string[]> {
  const { memberId, keyFile, nextKeyFile } = node.config;
  if (nextKeyFile === undefined || !existsSync(nextKeyFile))
    throw new MemberError('key-missing', 'node.json names no nextKeyFile that is there');
  const publicKeyIn = async (file: string) => {
    const key = await unwrapKey(node.config, file);
    const publicKey = sm2.publicKeyOf(key).toString('hex');
    key.fill(0);
    return publicKey;
  };
  const publicKey = await publicKeyIn(nextKeyFile);
  if ((await node.publicKey()) !== publicKey)
    throw new MemberError('not-adopted', `the key in ${nextKeyFile} is not in force yet for ${memberId}`);
  const keys = readKeys(keysFile);
  const next = readFileSync(nextKeyFile, 'utf8');
  const changed: string[] = [];
  const old = await publicKeyIn(keyFile);
  // The workers first: by what the node has it goes on either way.
  if (keys.ledger.publicKey !== publicKey) {
    const ledger = { ...(JSON.parse(next) as object), publicKey };
    replace(keysFile, JSON.stringify({ ...keys, ledger }, null, 2), keys.ledger.publicKey);
    changed.push(keysFile);
  }
  if (old !== publicKey) {
    replace(keyFile, next, old);
    changed.push(keyFile);
  }
  return changed;
}

function readKeys(file: string): z.output<typeof keysSchema> {
  try {
    return keysSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    throw new MemberError('keys-invalid', `${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

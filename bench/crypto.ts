import { randomBytes } from 'node:crypto';
import smCrypto from 'sm-crypto';
import { sm2 as sm2InUse, sm3, sm4gcm, type Sm2, type Sm4Gcm } from '../platform/crypto/index.ts';
import { openSmCryptoSm2 } from '../platform/crypto/sm2-sm-crypto.ts';
import { openSmCryptoSm4 } from '../platform/crypto/sm4-sm-crypto.ts';
import { report } from './report.ts';

const SECONDS = 1.5;
const MEBIBYTE = 1 << 20;

/** How often a second, over about `SECONDS` after one warm-up call. */
async function rate(run: () => unknown): Promise<number> {
  await run();
  const start = process.hrtime.bigint();
  let count = 0;
  let elapsed = 0;
  while (elapsed < SECONDS) {
    await run();
    count += 1;
    elapsed = Number(process.hrtime.bigint() - start) / 1e9;
  }
  return count / elapsed;
}

interface Measured {
  name: string;
  value: number;
}

/** One line a provider, then the bare figure: the provider in use beside sm-crypto, of the same run. */
function reportAll(figure: string, unit: string, providers: readonly Measured[]): void {
  const peer = providers.at(-1)!;
  const used = providers[0]!;
  for (const { name, value } of providers) report({ bench: 'crypto', figure: `${figure}.${name}`, value, unit });
  report({
    bench: 'crypto',
    figure,
    value: used.value,
    unit,
    peer: peer.name,
    peerValue: peer.value,
    ratio: used.value / peer.value,
    note: `provider in use: ${used.name}`,
  });
}

async function measureSm2(provider: Sm2): Promise<{ sign: Measured; verify: Measured }> {
  const { privateKey, publicKey } = provider.generateKeyPair();
  const message = randomBytes(200);
  const signature = provider.sign(privateKey, message);
  return {
    sign: { name: provider.name, value: await rate(() => provider.sign(privateKey, message)) },
    verify: { name: provider.name, value: await rate(() => provider.verify(publicKey, message, signature)) },
  };
}

async function measureSm4(provider: Sm4Gcm, bytes: number): Promise<Measured> {
  const [key, nonce, aad, data] = [randomBytes(16), randomBytes(12), randomBytes(32), randomBytes(bytes)];
  const perSecond = await rate(() => provider.seal(key, nonce, aad, data));
  return { name: provider.name, value: (perSecond * bytes) / 1e6 };
}

/** SM2 signatures of 200 bytes a second, SM3 and SM4-GCM in MB/s; one stream each. */
export async function bench(): Promise<void> {
  const used = await measureSm2(sm2InUse);
  const peer = await measureSm2(openSmCryptoSm2());
  reportAll('sm2.sign', '1/s', [used.sign, peer.sign]);
  reportAll('sm2.verify', '1/s', [used.verify, peer.verify]);

  const data = randomBytes(MEBIBYTE);
  const list = [...data];
  reportAll('sm3', 'MB/s', [
    { name: 'openssl', value: ((await rate(() => sm3(data))) * MEBIBYTE) / 1e6 },
    { name: 'sm-crypto', value: ((await rate(() => smCrypto.sm3(list))) * MEBIBYTE) / 1e6 },
  ]);
  reportAll('sm4.gcm', 'MB/s', [await measureSm4(sm4gcm, MEBIBYTE), await measureSm4(openSmCryptoSm4(), MEBIBYTE / 4)]);
}

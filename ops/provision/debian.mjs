import { existsSync, readdirSync } from 'node:fs';
import { refuse } from '../prepare.mjs';
import { longStep, onPath } from './run.mjs';

const SOFTHSM = [
  '/usr/lib/softhsm/libsofthsm2.so',
  '/usr/lib64/libsofthsm2.so',
  '/usr/local/lib/softhsm/libsofthsm2.so',
  '/opt/homebrew/lib/softhsm/libsofthsm2.so',
];
const CHROMIUM = ['chromium', 'chromium-browser', 'google-chrome'];

const softhsm = () => process.env.PKCS11_MODULE ?? SOFTHSM.find((file) => existsSync(file));
const chromium = () => process.env.SEALFOLIO_CHROMIUM ?? CHROMIUM.map(onPath).find((file) => file !== null);
const hasChineseFont = () =>
  ['/usr/share/fonts/opentype/noto', '/usr/share/fonts/truetype'].some(
    (dir) => existsSync(dir) && readdirSync(dir, { recursive: true }).some((name) => /CJK|wqy|SourceHan/i.test(name)),
  );

/** What comes from the distribution: the card module, Chinese glyphs for watermarks, and for the tests chromium and ip. apt only as root; else the one line to run. */
export async function findDebianParts({ tests }) {
  const missing = [];
  if (softhsm() === undefined) missing.push('softhsm2');
  if (tests && chromium() === undefined) missing.push('chromium');
  if (!hasChineseFont()) missing.push('fonts-noto-cjk');
  // Network namespaces, for the test of the overlay; only root can make them.
  if (tests && process.getuid?.() === 0 && onPath('ip') === null) missing.push('iproute2');
  if (missing.length > 0) {
    const apt = onPath('apt-get');
    const line = `apt-get update && apt-get install -y --no-install-recommends ${missing.join(' ')}`;
    if (apt === null || process.getuid?.() !== 0) refuse(`${missing.join(', ')} missing; as root run: ${line}`);
    await longStep(`installing ${missing.join(', ')}`, 'sh', ['-c', line], {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    });
  }
  return { softhsm: softhsm(), ...(tests && { chromium: chromium() }) };
}

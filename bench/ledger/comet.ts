import { spawn } from 'node:child_process';
import path from 'node:path';

/** One point of the CometBFT bench: what `run.sh` of its folder prints. */
export interface CometResult {
  committed_tps: number;
  lat_ms_p50: number;
  lat_ms_p99: number;
  rss_MiB_4nodes: number;
  cpu_nodes: number;
  cpu_other: number;
}

export interface CometOptions {
  bytes: number;
  /** Transactions a second; 0: closed loop. */
  rate: number;
  inFlight: number;
  seconds: number;
  /** How often each SM2 signature is checked: 1 is the speed of assembly, 5 about that of OpenSSL 3.0. */
  repeat: number;
}

/** Runs a localnet of four CometBFT nodes that check one SM2 signature a transaction, under load. Rejects with its words if it fails. */
export function runComet(dir: string, { bytes, rate, inFlight, seconds, repeat }: CometOptions): Promise<CometResult> {
  const env = {
    ...process.env,
    PROFILE: 'fast',
    SM2: '1',
    SM2_REPEAT: String(repeat),
    BYTES: String(bytes),
    RATE: String(rate),
    INFLIGHT: String(inFlight),
    SECS: String(seconds),
    // Whatever else runs, it ran beside our side too.
    MAX_BG: '100',
  };
  return new Promise((done, fail) => {
    const child = spawn(path.join(dir, 'run.sh'), { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let [out, words] = ['', ''];
    child.stdout.on('data', (data) => (out += String(data)));
    child.stderr.on('data', (data) => (words = (words + String(data)).slice(-2000)));
    child.once('error', fail);
    child.once('close', (code) => {
      if (code === 0) done(JSON.parse(out) as CometResult);
      else fail(new Error(`the CometBFT bench ended with ${code}: ${words}`));
    });
  });
}

import { setTimeout as delay } from 'node:timers/promises';
import { report } from '../report.ts';
import { load } from './load.ts';
import { Localnet } from './localnet.ts';

const POLL_MS = 20;
const RECORDS = 256;

const heightOf = async (url: string) =>
  ((await (await fetch(`${url}/v1/status`)).json()) as { height: number; logSize: number }) ?? { height: 0 };

/** How fast a node that was away takes what three others made meanwhile, beside how fast they made it. */
export async function catchUp(seconds: number): Promise<void> {
  for (const records of [1, RECORDS]) {
    const net = await Localnet.start();
    try {
      const away = net.parts.length - 1;
      await net.parts[away]!.stop();
      const before = await heightOf(net.rpcUrls[0]!);
      const made = await load(net, {
        records,
        rate: null,
        inFlight: records === 1 ? 1000 : 200,
        atMost: records === 1 ? 1600 : 450,
        warmUpSeconds: 2,
        seconds,
        nodes: away,
      });
      const head = await heightOf(net.rpcUrls[0]!);
      await net.parts[away]!.start();
      const [started, from] = [performance.now(), await heightOf(net.rpcUrls[away]!)];
      let now = from;
      for (; now.height < head.height; now = await heightOf(net.rpcUrls[away]!)) await delay(POLL_MS);
      const rate = (now.logSize - from.logSize) / ((performance.now() - started) / 1000);
      report({
        bench: 'ledger',
        figure: records === 1 ? 'ledger.catchup.single' : 'ledger.catchup.batched',
        value: rate,
        unit: 'records/s',
        peer: 'commit rate of the other three',
        peerValue: made.perSecond * records,
        ratio: rate / (made.perSecond * records),
        note: `${head.height - before.height} blocks, ${head.logSize - before.logSize} records`,
      });
    } finally {
      await net.stop();
    }
  }
}

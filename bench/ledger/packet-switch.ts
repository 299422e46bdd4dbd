import { constants, openSync, read, writeSync } from 'node:fs';
import koffi from 'koffi';

/** What becomes of packets from one port to another. */
export interface Wire {
  /** Share that is lost, 0 to 1. */
  loss: number;
  /** Each way, and by how much it may be more or less. */
  delayMs: number;
  jitterMs: number;
}

/** From the process that started the switch: `wires[from][to]`. */
export interface SwitchOrder {
  wires: Wire[][];
}

// linux/if_tun.h
const TUNSETIFF = 0x400454ca;
const IFF_TUN = 0x0001;
const IFF_NO_PI = 0x1000;
const IFREQ_BYTES = 40;
const IFNAMSIZ = 16;
const MAX_PACKET_BYTES = 65_536;
const IPV4 = 4;
const LAST_BYTE_OF_DESTINATION = 19;

function openTun(name: string): number {
  const libc = koffi.load('libc.so.6');
  const ioctl = libc.func('int ioctl(int fd, unsigned long request, ...)');
  const fd = openSync('/dev/net/tun', constants.O_RDWR);
  const request = Buffer.alloc(IFREQ_BYTES);
  request.write(name);
  request.writeUInt16LE(IFF_TUN | IFF_NO_PI, IFNAMSIZ);
  if (ioctl(fd, TUNSETIFF, 'void *', request) !== 0) throw new Error(`${name}: no tun device`);
  return fd;
}

/**
 * A process that is the network: it holds one tun device a port (arguments: their names) and hands each IPv4 packet to the
 * port whose number is the last byte of its destination, late or not at all, as it was last told. It does in user
 * space what tc's netem does where the kernel has that, and tells each direction of each pair apart.
 */
export function main(names: readonly string[]): Promise<number> {
  const ports = names.map(openTun);
  let wires: Wire[][] = [];
  const forward = (from: number, packet: Buffer) => {
    const to = packet[LAST_BYTE_OF_DESTINATION]! - 1;
    const wire = wires[from]?.[to];
    if (packet[0]! >> 4 !== IPV4 || wire === undefined || Math.random() < wire.loss) return;
    const send = () => {
      try {
        writeSync(ports[to]!, packet);
      } catch {
        // A port that is down takes nothing: to the sender the packet is lost.
      }
    };
    const wait = wire.delayMs + (2 * Math.random() - 1) * wire.jitterMs;
    if (wait > 0) setTimeout(send, wait);
    else send();
  };
  for (const [from, fd] of ports.entries()) {
    const buffer = Buffer.alloc(MAX_PACKET_BYTES);
    const next = () =>
      read(fd, buffer, 0, buffer.length, null, (error, length) => {
        // Until it is up, a device cannot be read.
        if (error !== null) return void setTimeout(next, 10);
        forward(from, Buffer.from(buffer.subarray(0, length)));
        next();
      });
    next();
  }
  process.on('message', (order: SwitchOrder) => {
    wires = order.wires;
    process.send!('done');
  });
  // Threads that wait in read() hold up an orderly end.
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
  process.send!('open');
  return new Promise(() => {});
}

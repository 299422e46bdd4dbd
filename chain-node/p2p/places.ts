import type { Socket } from 'node:net';

/** Connections that have not greeted: from one address, and in all. */
const MAX_EACH = 64;
const MAX_STRANGERS = 512;

/**
 * Connections that came and have not proven to be a member's. They make way for each other, so that a member that comes
 * finds a place whoever holds them: beyond what there is, the oldest goes of the address that has most.
 */
export class Places {
  /** By remote address, the oldest first. */
  readonly #strangers = new Map<string, Set<Socket>>();
  #count = 0;

  constructor(private readonly onEvicted: (address: string) => void) {}

  /** A connection came. */
  add(socket: Socket): void {
    const { remoteAddress: address = '' } = socket;
    const own = this.#strangers.get(address) ?? new Set();
    this.#strangers.set(address, own.add(socket));
    this.#count += 1;
    socket.once('close', () => this.#remove(address, socket));
    if (own.size > MAX_EACH) this.#evict(address, own);
    else if (this.#count > MAX_STRANGERS) {
      const [most] = [...this.#strangers].sort(([, a], [, b]) => b.size - a.size);
      this.#evict(...most!);
    }
  }

  /** What came over this connection is a member's; or someone else bounds it from now on. `over`: the TLS on it. */
  release(over: Pick<Socket, 'remoteAddress' | 'remotePort'>): void {
    const { remoteAddress: address = '', remotePort } = over;
    for (const socket of this.#strangers.get(address) ?? [])
      if (socket.remotePort === remotePort) return this.#remove(address, socket);
  }

  #evict(address: string, own: Set<Socket>): void {
    const [oldest] = own;
    this.#remove(address, oldest!);
    oldest!.destroy();
    this.onEvicted(address);
  }

  #remove(address: string, socket: Socket): void {
    const own = this.#strangers.get(address);
    if (own?.delete(socket) !== true) return;
    this.#count -= 1;
    if (own.size === 0) this.#strangers.delete(address);
  }
}

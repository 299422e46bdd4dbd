import net from 'node:net';
import type { Logger } from '../../../platform/observe/logger.ts';
import type { OverlayConfig } from '../config.ts';
import { OverlayError } from '../errors.ts';
import type { OverlayStream } from '../session/streams.ts';
import { join } from './join.ts';

const MAX_WAITING = 256;

/** Local TCP ports, each of which leads to one service of one member. */
export class Forwards {
  readonly #servers: net.Server[] = [];
  readonly #sockets = new Set<net.Socket>();
  #waiting = 0;

  constructor(
    private readonly open: (member: string, service: string) => Promise<OverlayStream>,
    private readonly logger: Logger,
  ) {}

  async start(forwards: OverlayConfig['forwards']): Promise<void> {
    for (const { listen, member, service } of forwards) {
      const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
        this.#sockets.add(socket);
        socket.once('close', () => this.#sockets.delete(socket));
        socket.on('error', () => {});
        void this.#carry(socket, member, service);
      });
      this.#servers.push(server);
      await new Promise<void>((done, fail) => {
        server.once('error', fail);
        server.listen(listen.port, listen.host, done);
      });
    }
  }

  async #carry(socket: net.Socket, member: string, service: string): Promise<void> {
    if (this.#waiting >= MAX_WAITING) return void socket.resetAndDestroy();
    this.#waiting += 1;
    try {
      const stream = await this.open(member, service);
      join(socket, stream);
    } catch (error) {
      if (!(error instanceof OverlayError)) throw error;
      this.logger.info({ member, service, code: error.code, reason: error.reason }, 'forward refused');
      socket.resetAndDestroy();
    } finally {
      this.#waiting -= 1;
    }
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(this.#servers.map((server) => new Promise((done) => server.close(done))));
  }
}

import type { Duplex } from 'node:stream';

const gathering = new WeakSet<Duplex>();

/**
 * What is sent on a socket in this turn of the event loop leaves in one write at its end: each write of its own would be a
 * system call, a TLS record, and a wake-up of the process that reads.
 */
export function gather(socket: Duplex): void {
  if (gathering.has(socket)) return;
  gathering.add(socket);
  socket.cork();
  setImmediate(() => {
    gathering.delete(socket);
    socket.uncork();
  });
}

import { randomInt } from 'node:crypto';
import net from 'node:net';

/** Whether nobody listens on this loopback port. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((answer) => {
    const server = net.createServer();
    server.once('error', () => answer(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => answer(true)));
  });
}

/** Below Linux's range for outgoing connections, which may take any port of theirs at any time. */
const [LOWEST, HIGHEST] = [15_000, 32_000];

/** This many ports that are free now, from a place chosen at random, so that those who choose side by side do not meet. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  for (let port = randomInt(LOWEST, HIGHEST); ports.length < count; port = port < HIGHEST ? port + 1 : LOWEST)
    if (await isFree(port)) ports.push(port);
  return ports;
}

/** Whether something takes connections there. */
export function answersAt(port: number): Promise<boolean> {
  return new Promise((answer) => {
    const socket = net.connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => {
      socket.destroy();
      answer(true);
    });
    socket.once('error', () => answer(false));
  });
}

/** Whether a health endpoint answers 200. */
export async function isHealthy(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(2000) });
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    return false;
  }
}

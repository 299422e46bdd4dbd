import type { WebSocket } from 'ws';
import { TokenBucket } from './limits.ts';

/** Pings and pongs that one end of a link may send: a second, and at once. Ours sends none; a browser's or a proxy's, few. */
const A_SECOND = 5;
const AT_ONCE = 50;

/**
 * Ends a WebSocket that is flooded with control frames (RFC 6455 §5.5): each ping is answered, and an answer that nobody
 * reads is kept in our memory. `onFlood` is told once.
 */
export function boundControlFrames(ws: WebSocket, onFlood: () => void): void {
  const budget = new TokenBucket(A_SECOND, AT_ONCE);
  let isFlooded = false;
  const count = () => {
    if (isFlooded || budget.take()) return;
    isFlooded = true;
    onFlood();
    ws.terminate();
  };
  ws.on('ping', count);
  ws.on('pong', count);
}

import net from 'node:net';
import { type Duplex, finished } from 'node:stream';
import { OverlayError } from '../errors.ts';

/** Ends one side for the reason that the other ended; a TCP connection by a reset, so that nobody takes it for a good end. */
function endBy(side: Duplex, error: Error): void {
  if (side instanceof net.Socket) side.resetAndDestroy();
  else side.destroy(error instanceof OverlayError ? error : new OverlayError('cancelled', error.message));
}

/** Carries bytes both ways between two streams, half-closes included; a failure of one ends the other. */
export function join(one: Duplex, other: Duplex): void {
  for (const [side, opposite] of [
    [one, other],
    [other, one],
  ] as const) {
    side.pipe(opposite);
    finished(side, (error) => {
      if (error) endBy(opposite, error);
    });
  }
}

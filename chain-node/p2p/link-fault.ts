/** What a peer did to the WebSocket itself, below the frames of the ledger: it costs the link. */
export type LinkFault = 'frame-too-large' | 'websocket-invalid';

/** The fault of a peer that an error of its socket tells (codes of `ws`), or null: the connection broke. */
export function linkFaultOf(error: Error): LinkFault | null {
  const { code } = error as { code?: unknown };
  if (typeof code !== 'string' || !code.startsWith('WS_ERR_')) return null;
  return /^WS_ERR_UNSUPPORTED_\w+_LENGTH$/.test(code) ? 'frame-too-large' : 'websocket-invalid';
}

/** Why the overlay refuses, or cannot; `code` is wire format, in rpc answers and between nodes. */
export type OverlayCode =
  /** No member of this name is in force. */
  | 'member-unknown'
  /** The member was removed, or its key replaced. */
  | 'revoked'
  /** No rule of the policy allows it. */
  | 'denied'
  /** The other end offers no such service. */
  | 'service-unknown'
  /** The service is offered, but what stands behind it does not answer. */
  | 'service-down'
  /** No path leads to the member now. */
  | 'unreachable'
  /** The member does not answer in time. */
  | 'timeout'
  /** Too much at once. */
  | 'busy'
  /** The clocks differ too much. */
  | 'clock-differs'
  /** The stream was ended by the application at one end. */
  | 'cancelled'
  /** The end that says so does not know what the members decided lately: it serves nobody, and asks nobody. */
  | 'stale'
  /** The other end does not keep to the protocol. */
  | 'protocol'
  /** This end is going down, or the session is over. */
  | 'closed';

export class OverlayError extends Error {
  override readonly name = 'OverlayError';

  constructor(
    readonly code: OverlayCode,
    readonly reason: string,
  ) {
    super(`${code}: ${reason}`);
  }
}

/** Numbers of the codes on the wire; never used again for anything else. */
export const CODE_NUMBERS: Readonly<Record<OverlayCode, number>> = {
  closed: 0,
  'member-unknown': 1,
  revoked: 2,
  denied: 3,
  'service-unknown': 4,
  'service-down': 5,
  unreachable: 6,
  timeout: 7,
  busy: 8,
  'clock-differs': 9,
  cancelled: 10,
  protocol: 11,
  stale: 12,
};

const BY_NUMBER = new Map(Object.entries(CODE_NUMBERS).map(([code, number]) => [number, code as OverlayCode]));
export const codeOfNumber = (number: number): OverlayCode => BY_NUMBER.get(number) ?? 'protocol';

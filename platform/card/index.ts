import type { Card, CardConfig } from './card.ts';
import { Pkcs11Card } from './pkcs11-card.ts';

export type { Card, CardCause, CardConfig, CardStatus, WrappedKey } from './card.ts';
export { type ProvisionOptions, provisionToken, writeSofthsmConf } from './provision.ts';

/** Opens the card and runs its self-test; throws `card-unavailable` with the cause, and can be called upon again later. */
export async function openCard(config: CardConfig): Promise<Card> {
  const card = new Pkcs11Card(config);
  await card.selfTest();
  return card;
}

/** The card without asking it anything yet, for a process that must start although the card is away. */
export function cardOf(config: CardConfig): Card {
  return new Pkcs11Card(config);
}

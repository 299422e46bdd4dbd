/** What a text may be, by its form alone; the node says which of them it is. */
export type Taken = 'height' | 'hash' | 'key' | 'name' | 'none';

/** Height is a number; 64 hex digits may be a block, a transaction, a digest or a key; other even hex a key; else a member. */
export function classify(text: string): { taken: Taken; value: string } {
  const trimmed = text.trim();
  const number = trimmed.replace(/^#/, '').replace(/(?<=\d)[,，\s](?=\d{3}(\D|$))/g, '');
  if (/^\d{1,15}$/.test(number)) return { taken: 'height', value: String(Number(number)) };
  const hex = trimmed.toLowerCase().replace(/^0x/, '').replace(/[\s:]/g, '');
  if (/^[0-9a-f]{64}$/.test(hex)) return { taken: 'hash', value: hex };
  if (/^([0-9a-f]{2}){4,64}$/.test(hex)) return { taken: 'key', value: hex };
  if (trimmed === '' || trimmed.length > 128) return { taken: 'none', value: trimmed };
  return { taken: 'name', value: trimmed };
}

import { onBeforeUnmount, onMounted } from 'vue';

/** Keys of the queue, in the order they are listed; the word is that of `loans.keysHelp`. */
export const KEYS = [
  ['j', 'j'],
  ['k', 'k'],
  ['Enter', 'enter'],
  ['x', 'x'],
  ['a', 'a'],
  ['r', 'r'],
  ['e', 'e'],
  ['c', 'c'],
  ['/', 'slash'],
  ['Escape', 'escape'],
  ['?', 'question'],
] as const;
export type Key = (typeof KEYS)[number][0];

/** Runs what belongs to a key, unless someone is typing, or a dialog is open. */
export function useKeys(run: Partial<Record<Key, () => void>>): void {
  const onKey = (event: KeyboardEvent) => {
    const target = event.target as HTMLElement;
    const isTyping = target.matches('input:not([type=checkbox]), textarea, select, [contenteditable=true]');
    const isInDialog = [...document.querySelectorAll('.el-overlay')].some((overlay) => overlay.checkVisibility());
    if (event.ctrlKey || event.metaKey || event.altKey || isInDialog) return;
    if (isTyping && event.key !== 'Escape') return;
    // On a button or a link, Enter is that one's.
    if (event.key === 'Enter' && target.matches('button, a')) return;
    const deed = run[event.key as Key];
    if (deed === undefined) return;
    event.preventDefault();
    deed();
  };
  onMounted(() => window.addEventListener('keydown', onKey));
  onBeforeUnmount(() => window.removeEventListener('keydown', onKey));
}

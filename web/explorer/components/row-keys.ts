import { onBeforeUnmount, onMounted } from 'vue';

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  (target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName));

/** j and k, and the arrows once a row has the focus, go through the links marked `data-row`; Enter opens, as of any link. */
export function useRowKeys(): void {
  const onKey = (event: KeyboardEvent) => {
    if (isTyping(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    const rows = [...document.querySelectorAll<HTMLElement>('[data-row]')];
    const at = rows.indexOf(document.activeElement as HTMLElement);
    const isArrow = event.key === 'ArrowDown' || event.key === 'ArrowUp';
    if (rows.length === 0 || (isArrow && at < 0)) return;
    if (event.key === 'j' || event.key === 'ArrowDown') rows[Math.min(at + 1, rows.length - 1)]!.focus();
    else if (event.key === 'k' || event.key === 'ArrowUp') rows[Math.max(at - 1, 0)]!.focus();
    else return;
    event.preventDefault();
  };
  onMounted(() => document.addEventListener('keydown', onKey));
  onBeforeUnmount(() => document.removeEventListener('keydown', onKey));
}

/** `/` goes to the search. */
export function useSearchKey(focus: () => void): void {
  const onKey = (event: KeyboardEvent) => {
    if (event.key !== '/' || isTyping(event.target)) return;
    event.preventDefault();
    focus();
  };
  onMounted(() => document.addEventListener('keydown', onKey));
  onBeforeUnmount(() => document.removeEventListener('keydown', onKey));
}

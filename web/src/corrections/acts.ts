import { ElMessageBox } from 'element-plus';
import { ref } from 'vue';
import { useI18n } from 'vue-i18n';
import { askReason, tell } from '../ask.ts';
import { call } from '../client/call.ts';

const DONE = { approve: 'approved', refuse: 'refused', withdraw: 'withdrawn', split: 'sent' } as const;
export type Act = keyof typeof DONE;

/** What can be done about something that one person asks for and another decides: a question, or a reason, comes before. */
export function useActs(of: 'correction' | 'merge', path: () => string, changed: () => void) {
  const { t } = useI18n();
  const isBusy = ref(false);
  async function act(how: Act) {
    const [title, why] = [t(`${of}.${how}`), t(`${of}.${how}Why`)];
    let body = {};
    if (how === 'refuse' || how === 'split') {
      const reason = await askReason(why, title);
      if (reason === null) return;
      body = { reason };
    } else {
      const buttons = { confirmButtonText: title, cancelButtonText: t('action.cancel') };
      if ((await ElMessageBox.confirm(why, title, buttons).catch(() => null)) === null) return;
    }
    isBusy.value = true;
    await tell(t(`${of}.${DONE[how]}`), () => call('POST', `${path()}/${how}`, body));
    isBusy.value = false;
    // Someone else may have decided it: what is shown is asked for again in any case.
    changed();
  }
  return { isBusy, act };
}

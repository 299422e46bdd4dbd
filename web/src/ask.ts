import { ElMessage, ElMessageBox } from 'element-plus';
import { ApiError } from './client/call.ts';
import { i18n, words } from './i18n/index.ts';

/** Asks for a reason; null if the person thinks better of it. */
export async function askReason(text: string, title: string, confirm = title): Promise<string | null> {
  const { t } = i18n.global;
  const asked = await ElMessageBox.prompt(text, title, {
    inputPattern: /\S/,
    inputErrorMessage: t('ingest.required'),
    confirmButtonText: confirm,
    cancelButtonText: t('action.cancel'),
    inputValidator: (value: string) => (value.length > 200 ? t('error.tooLong', { n: 200 }) : true),
  }).catch(() => null);
  return asked === null ? null : asked.value.trim();
}

/** Runs a deed and says how it went (nothing if `done` is null: the page shows it); false if it was refused. */
export async function tell(done: string | null, deed: () => Promise<unknown>): Promise<boolean> {
  try {
    await deed();
    if (done !== null) ElMessage({ message: done, type: 'success', plain: true });
    return true;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    ElMessage({ message: words(error.problem.detail), type: 'error', plain: true, duration: 6000, showClose: true });
    return false;
  }
}

import { onClassification } from './activities.ts';
import type { ClassificationInput } from './shared.ts';

/** 页面归类: what the pages of a version seem to be is looked for, once its package is made. Archiving does not wait for it. */
export async function classificationWorkflow(input: ClassificationInput): Promise<void> {
  await onClassification.classifyVersion(input);
}

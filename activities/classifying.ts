import { type Archive, type ArchiveVersion, keepSuggestions, templateFor } from '../platform/store/index.ts';
import type { ClassificationInput } from '../workflows/shared.ts';
import type { ActivityDeps } from './deps.ts';
import { suggestedPages } from './page-texts.ts';

/** What classificationWorkflow does to the world. */
export function createClassifyingActivities({ store, titles }: Pick<ActivityDeps, 'store' | 'titles'>) {
  const { Archive, ArchiveVersion } = store.models;

  return {
    /**
     * Keeps what the pages of a version seem to be as suggestions; nothing is moved. A version that is no longer the
     * archive's is left: the next one is looked at in its turn. Under a number that was corrected meanwhile all is looked at again.
     */
    async classifyVersion({ archiveId, version }: ClassificationInput): Promise<void> {
      let isKept = false;
      while (!isKept) {
        const [archive, found] = await Promise.all([
          Archive.findOne({ archiveId, currentVersion: version }).lean<Archive>(),
          ArchiveVersion.findOne({ archiveId, version }).lean<ArchiveVersion>(),
        ]);
        if (archive === null || found === null) return;
        const template = await templateFor(store.models, archive);
        isKept = await keepSuggestions(
          store,
          archive,
          template,
          await suggestedPages(store, titles, template, archive, found),
        );
      }
    },
  };
}

export type ClassifyingActivities = ReturnType<typeof createClassifyingActivities>;

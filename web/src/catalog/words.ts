import { DEFAULT_TEMPLATE, type DocumentType, type Rotation } from '../../../domain/catalog.ts';
import type { CompletenessFinding } from '../../../domain/catalog/completeness.ts';
import type { CatalogChange } from '../../../domain/catalog/diff.ts';
import { i18n, words } from '../i18n/index.ts';

const { t } = i18n.global;
export const typeName = (type: DocumentType): string =>
  words(DEFAULT_TEMPLATE.branches.find((branch) => branch.type === type)!);

/** How a thumbnail is turned, within the room that it has upright. */
export const turned = (rotation: Rotation | undefined): { rotate: string; scale: string } => ({
  rotate: `${rotation ?? 0}deg`,
  scale: rotation === 90 || rotation === 270 ? '0.7' : '1',
});

/** A change as a sentence. */
export function changeText(change: CatalogChange): string {
  const key = `catalog.changes.${change.what}`;
  switch (change.what) {
    case 'nodeAdded':
    case 'nodeRemoved':
    case 'nodeMoved':
      return t(key, { title: change.node.title });
    case 'nodeRenamed': {
      const [from, to] = [change.from, change.to].map(({ title, type }) =>
        change.from.type === change.to.type ? title : `${title}（${typeName(type)}）`,
      );
      return t(key, { from, to });
    }
    case 'pageMoved':
      return t(key, { page: change.page, from: change.from.title, to: change.to.title });
    case 'pageAdded':
    case 'pageRemoved':
    case 'pageReordered':
      return t(key, { page: change.page, title: change.node.title });
    case 'pageRotated':
      return t(key, { page: change.page, degrees: (change.to - change.from + 360) % 360 });
    case 'pageMarked':
      return change.to === null
        ? t('catalog.changes.pageUnmarked', { page: change.page })
        : t(key, { page: change.page, mark: t(`catalog.marks.${change.to}`) });
  }
}

/** What is not complete, as a sentence. */
export function findingText(finding: CompletenessFinding): string {
  const key = `catalog.findings.${finding.rule}`;
  switch (finding.rule) {
    case 'branchMissing':
    case 'branchTwice':
      return t(key, { type: typeName(finding.type) });
    case 'branchUnknown':
    case 'documentTorn':
      return t(key, { title: finding.title });
    case 'pageForeign':
      return t(key, { n: finding.pages });
    case 'unclassified':
      return t(key, { title: finding.title, n: finding.pages });
  }
}

import type { StatusTone } from '../status.ts';
import type { Catalog, CatalogTemplate, DocumentType } from '../catalog.ts';
import { pageKey } from './numbered.ts';

/** 完整、缺失、存疑 (A3): what is missing goes before what is doubtful. */
export const COMPLETENESS = {
  complete: { tone: 'done', zh: '完整', en: 'Complete' },
  missing: { tone: 'failed', zh: '缺失', en: 'Missing' },
  doubtful: { tone: 'attention', zh: '存疑', en: 'Doubtful' },
} as const satisfies Record<string, { tone: StatusTone; zh: string; en: string }>;
export type CompletenessState = keyof typeof COMPLETENESS;

export type CompletenessFinding =
  /** A branch that must be there has no page that is shown. */
  | { rule: 'branchMissing'; type: DocumentType }
  /** Pages of one original that lie apart, or out of their order, and whether any page of it is between. */
  | { rule: 'documentTorn'; objectId: string; title: string }
  /** A branch that the template does not have. */
  | { rule: 'branchUnknown'; type: DocumentType; title: string }
  /** Nobody said yet what these pages are. */
  | { rule: 'unclassified'; title: string; pages: number }
  /** The branch must hold one document, and holds more. */
  | { rule: 'branchTwice'; type: DocumentType }
  /** Pages that seem to be of another patient or visit, and that nobody has said to be right. */
  | { rule: 'pageForeign'; pages: number };

export interface Completeness {
  state: CompletenessState;
  findings: CompletenessFinding[];
}

/** Branches that a visit has once: a second one is of another visit, or of another patient. */
const ONCE: readonly DocumentType[] = ['frontPage'];

/**
 * Checks a catalogue against its template. Pages that are marked as blank or twice there do not count as there; they
 * may lie anywhere. `foreign`: pages that seem to be of another patient or visit.
 */
export function completenessOf(
  template: CatalogTemplate,
  catalog: Pick<Catalog, 'nodes'>,
  foreign: readonly { objectId: string; page: number }[] = [],
): Completeness {
  const findings: CompletenessFinding[] = [];
  const shown = catalog.nodes.map((node) => ({ ...node, pages: node.pages.filter(({ mark }) => mark === undefined) }));
  for (const { type, mandatory } of template.branches)
    if (mandatory && !shown.some((node) => node.type === type && node.pages.length > 0))
      findings.push({ rule: 'branchMissing', type });
  for (const { type, title, pages } of shown) {
    if (pages.length > 0 && !template.branches.some((branch) => branch.type === type))
      findings.push({ rule: 'branchUnknown', type, title });
    if (type === 'other' && pages.length > 0) findings.push({ rule: 'unclassified', title, pages: pages.length });
  }
  for (const type of ONCE) {
    const documents = new Set(
      shown.filter((node) => node.type === type).flatMap(({ pages }) => pages.map(({ objectId }) => objectId)),
    );
    if (documents.size > 1) findings.push({ rule: 'branchTwice', type });
  }
  const others = new Set(foreign.map(pageKey));
  const seen = shown.flatMap(({ pages }) => pages).filter((page) => others.has(pageKey(page)));
  if (seen.length > 0) findings.push({ rule: 'pageForeign', pages: seen.length });
  const torn = new Map<string, string>();
  const last = new Map<string, { at: number; page: number }>();
  const all = shown.flatMap(({ title, pages }) => pages.map((page) => ({ ...page, title })));
  for (const [at, { objectId, page, title }] of all.entries()) {
    const before = last.get(objectId);
    if (before !== undefined && (before.at !== at - 1 || before.page >= page))
      torn.set(objectId, torn.get(objectId) ?? title);
    last.set(objectId, { at, page });
  }
  for (const [objectId, title] of torn) findings.push({ rule: 'documentTorn', objectId, title });
  const state = findings.some(({ rule }) => rule === 'branchMissing')
    ? 'missing'
    : findings.length > 0
      ? 'doubtful'
      : 'complete';
  return { state, findings };
}

import {
  ACCEPT_FROM,
  type CatalogTemplate,
  DEFAULT_TEMPLATE,
  type DocumentType,
  type TemplateBranch,
} from '../catalog.ts';
import type { ForeignEvidence } from './foreign.ts';
import type { NumberedNode } from './numbered.ts';

/** What was read on a page: what barcodes say, and the lines at its top as they were recognised (`confidence` 0 to 1). */
export interface PageText {
  barcodes: readonly string[];
  lines: readonly TextLine[];
}
export interface TextLine {
  text: string;
  confidence: number;
}

/** Why a page is taken for a type. */
export type Evidence =
  /** The barcode of its form. */
  | { kind: 'formCode'; type: DocumentType; confidence: number; code: string }
  /** Its title, by the word of the template that is in it; what else was read there is not kept: it may name people. */
  | { kind: 'title'; type: DocumentType; confidence: number; word: string }
  /** It goes on from the page before it, of the same original. */
  | { kind: 'continued'; type: DocumentType; confidence: number };

/** What a page seems to be; never more than a suggestion until it is accepted. */
export interface Classification {
  type: DocumentType;
  confidence: number;
  evidence: Evidence[];
}

/** †ours: a barcode has a check of its own; what only begins with a code may be another form's. */
const CODE_CONFIDENCE = { whole: 0.99, begun: 0.96 };
/** †ours: what a title says for sure, by how much of its line the word is. */
const TITLE_CONFIDENCE = { whole: 0.97, most: 0.9, part: 0.7 };
/** Of what the page before is known by. */
const CONTINUED = 0.9;

const words = ({ type, titleWords }: TemplateBranch): readonly string[] =>
  titleWords ?? DEFAULT_TEMPLATE.branches.find((branch) => branch.type === type)?.titleWords ?? [];
/** As titles are compared: without spaces and punctuation, wide letters as narrow ones. */
const bare = (text: string): string => text.normalize('NFKC').replace(/[^\p{L}\p{N}]/gu, '');
/** A form's code ends where a letter or a digit does not follow: MR-01 is not the beginning of MR-012. */
const begins = (text: string, code: string) => text.startsWith(code) && !/^[\p{L}\p{N}]/u.test(text.slice(code.length));

function byFormCode(template: CatalogTemplate, barcodes: readonly string[]): Evidence[] {
  const found: Evidence[] = [];
  for (const text of barcodes.map((one) => one.trim())) {
    const known = template.branches
      .flatMap(({ type, formCodes = [] }) => formCodes.map((code) => ({ type, code })))
      .filter(({ code }) => begins(text, code))
      .sort((a, b) => b.code.length - a.code.length)[0];
    if (known === undefined) continue;
    const { type, code } = known;
    const confidence = text === code ? CODE_CONFIDENCE.whole : CODE_CONFIDENCE.begun;
    found.push({ kind: 'formCode', type, confidence, code });
  }
  return found;
}

/** The longest word that a line has speaks for it: a consent to an operation is a consent. */
function byTitle(template: CatalogTemplate, lines: readonly TextLine[]): Evidence[] {
  const found: Evidence[] = [];
  for (const { text, confidence } of lines) {
    const line = bare(text);
    const known = template.branches
      .flatMap((branch) => words(branch).map((word) => ({ type: branch.type, word, at: line.lastIndexOf(bare(word)) })))
      .filter(({ word, at }) => bare(word) !== '' && at !== -1)
      .sort((a, b) => bare(b.word).length - bare(a.word).length || b.at - a.at)[0];
    if (known === undefined) continue;
    const { type, word } = known;
    const share = bare(word).length / line.length;
    const sure = share === 1 ? TITLE_CONFIDENCE.whole : share >= 0.5 ? TITLE_CONFIDENCE.most : TITLE_CONFIDENCE.part;
    found.push({ kind: 'title', type, confidence: sure * confidence, word });
  }
  return found;
}

const round = (value: number) => Math.round(value * 1000) / 1000;

/** The best of each kind for each type: two lines that say the same are not two proofs. */
function strongest(evidence: readonly Evidence[]): Evidence[] {
  const best = new Map<string, Evidence>();
  for (const one of evidence) {
    const key = `${one.kind}/${one.type}`;
    if ((best.get(key)?.confidence ?? 0) < one.confidence) best.set(key, { ...one, confidence: round(one.confidence) });
  }
  return [...best.values()].sort((a, b) => b.confidence - a.confidence);
}

/**
 * What the evidence on a page comes to: kinds that agree strengthen each other, what speaks for another type weakens.
 * Null if nothing was found.
 */
export function decide(evidence: readonly Evidence[]): Classification | null {
  const kept = strongest(evidence);
  const doubt = new Map<DocumentType, number>();
  for (const { type, confidence } of kept) doubt.set(type, (doubt.get(type) ?? 1) * (1 - confidence));
  const [best, second] = [...doubt].map(([type, left]) => ({ type, sure: 1 - left })).sort((a, b) => b.sure - a.sure);
  if (best === undefined) return null;
  return { type: best.type, confidence: round(best.sure * (1 - (second?.sure ?? 0))), evidence: kept };
}

/** What one page seems to be. */
export const classifyPage = (template: CatalogTemplate, { barcodes, lines }: PageText): Classification | null =>
  decide([...byFormCode(template, barcodes), ...byTitle(template, lines)]);

/** The pages of one original, in its order; a page without evidence goes on from the one before it. */
export function classifyDocument(template: CatalogTemplate, pages: readonly PageText[]): (Classification | null)[] {
  let before: Classification | null = null;
  return pages.map((page) => {
    const own = classifyPage(template, page);
    if (own !== null) return (before = own);
    if (before === null) return null;
    const { type, confidence } = before;
    before = decide([{ kind: 'continued', type, confidence: confidence * CONTINUED }]);
    return before;
  });
}

/** A page of a catalogue, by its number, and what it seems to be. `kept`: a person looked, and leaves it where it lies. */
export interface PageSuggestion {
  page: number;
  suggested: Classification | null;
  kept?: boolean | undefined;
  /** It seems to be of another patient or visit. */
  foreign?: ForeignEvidence | undefined;
}

/**
 * Pages that a person should look at: they lie elsewhere than they seem to belong, nobody knows what they are, or they
 * seem to be of another patient or visit.
 */
export function doubtfulPages(
  nodes: readonly NumberedNode[],
  suggestions: readonly PageSuggestion[],
): (PageSuggestion & { lies: DocumentType })[] {
  const lies = new Map(
    nodes.flatMap(({ type, pages }) => pages.map(({ page, mark }) => [page, { type, mark }] as const)),
  );
  return suggestions.flatMap((one) => {
    const at = lies.get(one.page);
    if (at === undefined || at.mark !== undefined || one.kept === true) return [];
    const isDoubtful = one.suggested === null ? at.type === 'other' : one.suggested.type !== at.type;
    return isDoubtful || one.foreign !== undefined ? [{ ...one, lies: at.type }] : [];
  });
}

/** Of them, those that are sure enough by the template to be moved without a person; what seems to be another's never is. */
export const surePages = <T extends PageSuggestion>(template: CatalogTemplate, doubtful: readonly T[]): T[] =>
  doubtful.filter(
    ({ suggested, foreign }) =>
      foreign === undefined && suggested !== null && suggested.confidence >= acceptFrom(template),
  );
/** The template's threshold. */
export const acceptFrom = ({ acceptFrom: from }: Pick<CatalogTemplate, 'acceptFrom'>): number => from ?? ACCEPT_FROM;

/**
 * Puts pages where they belong, in the order they lie in: at the end of the last node of their type, else in a new one
 * at the template's place. Nodes that end without pages go.
 */
export function reclassify(
  template: { branches: readonly Pick<TemplateBranch, 'type' | 'zh'>[] },
  nodes: readonly NumberedNode[],
  moves: readonly { page: number; type: DocumentType }[],
): NumberedNode[] {
  const typeOf = new Map(moves.map(({ page, type }) => [page, type]));
  const isMoving = (page: number, from: DocumentType) => typeOf.has(page) && typeOf.get(page) !== from;
  const rank = (type: DocumentType) => {
    const at = template.branches.findIndex((branch) => branch.type === type);
    return at === -1 ? template.branches.length : at;
  };
  const next = nodes.map((node) => ({ ...node, pages: node.pages.filter(({ page }) => !isMoving(page, node.type)) }));
  for (const { type: from, pages } of nodes)
    for (const page of pages) {
      if (!isMoving(page.page, from)) continue;
      const type = typeOf.get(page.page)!;
      const home = next.findLast((node) => node.type === type);
      if (home !== undefined) home.pages.push(page);
      else {
        const title = template.branches.find((branch) => branch.type === type)?.zh ?? type;
        const after = next.findIndex((node) => rank(node.type) > rank(type));
        next.splice(after === -1 ? next.length : after, 0, { type, title, pages: [page] });
      }
    }
  return next.filter(({ pages }) => pages.length > 0);
}

import type { Catalog, CatalogNode, DocumentType, PageOverlay, PageRef } from '../catalog.ts';

/** Which catalogue of an archive: `edit` 0 is the one that its version was packed by, the others came after. */
export interface CatalogPlace {
  version: number;
  edit: number;
}
export const placeText = ({ version, edit }: CatalogPlace): string => `${version}.${edit}`;
export const isSamePlace = (a: CatalogPlace, b: CatalogPlace): boolean => a.version === b.version && a.edit === b.edit;

/** A page by its number in the package of an archive's version, from 1: a number that no edit changes. */
export interface NumberedPage extends PageOverlay {
  page: number;
}
export interface NumberedNode {
  type: DocumentType;
  title: string;
  pages: NumberedPage[];
}

/** What tells pages of originals apart. */
export const pageKey = ({ objectId, page }: Pick<PageRef, 'objectId' | 'page'>): string => `${objectId}/${page}`;
const overlayOf = ({ rotation, mark }: PageOverlay): PageOverlay => ({
  ...(rotation !== undefined && { rotation }),
  ...(mark !== undefined && { mark }),
});

/** The pages of a package in its own order, and back. */
export class PackedPages {
  readonly refs: readonly PageRef[];
  readonly #numbers: Map<string, number>;

  /** `packed` is the catalogue that the package was made by. */
  constructor(packed: Catalog) {
    this.refs = packed.nodes.flatMap(({ pages }) => pages);
    this.#numbers = new Map(this.refs.map((ref, i) => [pageKey(ref), i + 1]));
  }

  numberOf(ref: PageRef): number | undefined {
    return this.#numbers.get(pageKey(ref));
  }

  /** A catalogue by numbers; pages that this package does not have are left out. */
  number({ nodes }: Pick<Catalog, 'nodes'>): NumberedNode[] {
    return nodes.map(({ type, title, pages }) => ({
      type,
      title,
      pages: pages.flatMap((ref) => {
        const page = this.numberOf(ref);
        return page === undefined ? [] : [{ page, ...overlayOf(ref) }];
      }),
    }));
  }

  /** The same with references; every number is one of this package (see `pageFaults`). */
  refer(nodes: readonly NumberedNode[]): CatalogNode[] {
    return nodes.map(({ type, title, pages }) => ({
      type,
      title,
      pages: pages.map((page) => {
        const { objectId, page: within } = this.refs[page.page - 1]!;
        return { objectId, page: within, ...overlayOf(page) };
      }),
    }));
  }

  /** Every page once, no other: what an edit may not change. Empty if so. */
  pageFaults(nodes: readonly NumberedNode[]): { rule: 'unknown' | 'twice' | 'missing'; pages: number[] }[] {
    const seen = new Map<number, number>();
    for (const { page } of nodes.flatMap(({ pages }) => pages)) seen.set(page, (seen.get(page) ?? 0) + 1);
    const all = [...seen.keys()];
    const faults = {
      unknown: all.filter((page) => this.refs[page - 1] === undefined),
      twice: all.filter((page) => seen.get(page)! > 1),
      missing: this.refs.map((_ref, i) => i + 1).filter((page) => !seen.has(page)),
    };
    return (['unknown', 'twice', 'missing'] as const)
      .filter((rule) => faults[rule].length > 0)
      .map((rule) => ({ rule, pages: faults[rule] }));
  }
}

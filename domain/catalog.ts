/** 文书类型: the branches of the demo template, after WS/T 500's document families (codes are ours until mapped). */
export const DocumentType = {
  frontPage: 'frontPage',
  admission: 'admission',
  progress: 'progress',
  orders: 'orders',
  operation: 'operation',
  nursing: 'nursing',
  labReport: 'labReport',
  examReport: 'examReport',
  consent: 'consent',
  other: 'other',
} as const;
export type DocumentType = (typeof DocumentType)[keyof typeof DocumentType];

export interface CatalogTemplate {
  templateId: string;
  version: number;
  branches: readonly { type: DocumentType; zh: string; en: string; mandatory: boolean }[];
}

/** 目录模板, default of a member. */
export const DEFAULT_TEMPLATE: CatalogTemplate = {
  templateId: 'inpatient',
  version: 1,
  branches: [
    { type: 'frontPage', zh: '病案首页', en: 'Front page', mandatory: true },
    { type: 'admission', zh: '入院记录', en: 'Admission record', mandatory: false },
    { type: 'progress', zh: '病程记录', en: 'Progress notes', mandatory: false },
    { type: 'orders', zh: '医嘱', en: 'Orders', mandatory: false },
    { type: 'operation', zh: '手术记录', en: 'Operation records', mandatory: false },
    { type: 'nursing', zh: '护理记录', en: 'Nursing records', mandatory: false },
    { type: 'labReport', zh: '检验报告', en: 'Laboratory reports', mandatory: false },
    { type: 'examReport', zh: '检查报告', en: 'Examination reports', mandatory: false },
    { type: 'consent', zh: '知情同意书', en: 'Informed consent', mandatory: false },
    { type: 'other', zh: '其他', en: 'Other', mandatory: false },
  ],
};

/** A page of an original, as the catalogue refers to it; `page` counts from 0 within the original. */
export interface PageRef {
  objectId: string;
  page: number;
}

export interface CatalogNode {
  type: DocumentType;
  title: string;
  pages: PageRef[];
}

/** 目录: the tree over the pages; page numbers of the package follow its order. */
export interface Catalog {
  templateId: string;
  templateVersion: number;
  nodes: CatalogNode[];
}

export interface CatalogedDocument {
  objectId: string;
  documentType: DocumentType;
  pageCount: number;
}

/** Puts documents under the template's branches: branch order first, then the order they came in. Empty branches are left out. */
export function buildCatalog(template: CatalogTemplate, documents: readonly CatalogedDocument[]): Catalog {
  const nodes: CatalogNode[] = [];
  for (const branch of template.branches) {
    const pages = documents
      .filter((document) => document.documentType === branch.type)
      .flatMap((document) =>
        Array.from({ length: document.pageCount }, (_, page) => ({ objectId: document.objectId, page })),
      );
    if (pages.length > 0) nodes.push({ type: branch.type, title: branch.zh, pages });
  }
  return { templateId: template.templateId, templateVersion: template.version, nodes };
}

/** The mandatory branches that no document fills. */
export function missingBranches(template: CatalogTemplate, present: readonly DocumentType[]): DocumentType[] {
  return template.branches
    .filter((branch) => branch.mandatory && !present.includes(branch.type))
    .map(({ type }) => type);
}

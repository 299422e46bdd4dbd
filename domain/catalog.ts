import type { FrontPagePolicy } from './front-page/quality.ts';

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

/** 目录项 of a template; `standard` is the part of WS 445 that the document's data set belongs to. */
export interface TemplateBranch {
  type: DocumentType;
  zh: string;
  en: string;
  mandatory: boolean;
  standard?: string | undefined;
  /** 表单代码: what the barcode of a form of this type says, or begins with; absent: none is known. */
  formCodes?: readonly string[] | undefined;
  /** Words that a title of this type has; absent: those of the product's own template. */
  titleWords?: readonly string[] | undefined;
}

/** 目录模板: data with versions; a visit is catalogued by the one that was in force on the day of its discharge. */
export interface CatalogTemplate {
  templateId: string;
  version: number;
  /** YYYY-MM-DD, in China. */
  effectiveFrom: string;
  branches: readonly TemplateBranch[];
  /** From this confidence on a page may be moved without a person (0 to 1); absent: `ACCEPT_FROM`. */
  acceptFrom?: number | undefined;
  /** What archiving does with a front page that has not passed 首页质控; absent: `advisory`. */
  frontPage?: FrontPagePolicy | undefined;
}
/** †ours, to be set by each member from what its own forms show. */
export const ACCEPT_FROM = 0.85;

/** In force until a member publishes another. The parts of WS 445-2014 are ours to have matched: not yet checked by an expert; so are the form codes and the words of titles. */
export const DEFAULT_TEMPLATE: CatalogTemplate = {
  templateId: 'inpatient',
  version: 1,
  effectiveFrom: '1949-10-01',
  branches: [
    {
      type: 'frontPage',
      zh: '病案首页',
      en: 'Front page',
      mandatory: true,
      standard: 'WS 445.10',
      formCodes: ['MR-01'],
      titleWords: ['病案首页', '住院病案首页'],
    },
    {
      type: 'admission',
      zh: '入院记录',
      en: 'Admission record',
      mandatory: false,
      standard: 'WS 445.12',
      formCodes: ['MR-02'],
      titleWords: ['入院记录', '入院病历', '再次入院记录'],
    },
    {
      type: 'progress',
      zh: '病程记录',
      en: 'Progress notes',
      mandatory: false,
      standard: 'WS 445.13',
      formCodes: ['MR-03'],
      titleWords: ['病程记录', '首次病程记录', '查房记录', '会诊记录', '出院记录', '死亡记录'],
    },
    {
      type: 'orders',
      zh: '医嘱',
      en: 'Orders',
      mandatory: false,
      standard: 'WS 445.14',
      formCodes: ['MR-04'],
      titleWords: ['医嘱', '医嘱单', '长期医嘱', '临时医嘱', '长期医嘱单', '临时医嘱单'],
    },
    {
      type: 'operation',
      zh: '手术记录',
      en: 'Operation records',
      mandatory: false,
      standard: 'WS 445.5',
      formCodes: ['MR-05'],
      titleWords: ['手术记录', '麻醉记录', '手术安全核查表', '手术护理记录'],
    },
    {
      type: 'nursing',
      zh: '护理记录',
      en: 'Nursing records',
      mandatory: false,
      standard: 'WS 445.7',
      formCodes: ['MR-06'],
      titleWords: ['护理记录', '体温单', '护理评估单'],
    },
    {
      type: 'labReport',
      zh: '检验报告',
      en: 'Laboratory reports',
      mandatory: false,
      standard: 'WS 445.4',
      formCodes: ['MR-07'],
      titleWords: ['检验报告', '化验单', '检验报告单'],
    },
    {
      type: 'examReport',
      zh: '检查报告',
      en: 'Examination reports',
      mandatory: false,
      standard: 'WS 445.4',
      formCodes: ['MR-08'],
      titleWords: ['检查报告', '检查报告单', '病理报告', '超声报告', '影像报告', '心电图报告'],
    },
    {
      type: 'consent',
      zh: '知情同意书',
      en: 'Informed consent',
      mandatory: false,
      standard: 'WS 445.9',
      formCodes: ['MR-09'],
      titleWords: ['知情同意书', '同意书', '授权委托书', '病危通知书'],
    },
    { type: 'other', zh: '其他', en: 'Other', mandatory: false },
  ],
};

/** The template in force on a day (YYYY-MM-DD): of those that began by then the one that began last, of one day the last made. */
export function templateOn(templates: readonly CatalogTemplate[], day: string): CatalogTemplate {
  return templates
    .filter(({ effectiveFrom }) => effectiveFrom <= day)
    .reduce(
      (best, one) =>
        one.effectiveFrom > best.effectiveFrom ||
        (one.effectiveFrom === best.effectiveFrom && one.version > best.version)
          ? one
          : best,
      DEFAULT_TEMPLATE,
    );
}

/** Degrees clockwise that a page is turned for the eye; the original stays as it came in. */
export const ROTATIONS = [90, 180, 270] as const;
export type Rotation = (typeof ROTATIONS)[number];

/** 空白页、重复页、分隔页: the page stays in the catalogue, and is not shown with it. */
export const PageMark = { blank: 'blank', duplicate: 'duplicate', separator: 'separator' } as const;
export type PageMark = (typeof PageMark)[keyof typeof PageMark];

/** How the overlay shows a page. */
export interface PageOverlay {
  rotation?: Rotation | undefined;
  mark?: PageMark | undefined;
}

/** A page of an original, as the catalogue refers to it; `page` counts from 0 within the original. */
export interface PageRef extends PageOverlay {
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
  /** 分隔页: its first page only said what follows. */
  separatorFirst?: boolean | undefined;
}

/** Puts documents under the template's branches: branch order first, then the order they came in. Empty branches are left out. */
export function buildCatalog(template: CatalogTemplate, documents: readonly CatalogedDocument[]): Catalog {
  const nodes: CatalogNode[] = [];
  for (const branch of template.branches) {
    const pages = documents
      .filter((document) => document.documentType === branch.type)
      .flatMap((document) =>
        Array.from({ length: document.pageCount }, (_, page) => ({
          objectId: document.objectId,
          page,
          ...(page === 0 && document.separatorFirst === true && { mark: PageMark.separator }),
        })),
      );
    if (pages.length > 0) nodes.push({ type: branch.type, title: branch.zh, pages });
  }
  return { templateId: template.templateId, templateVersion: template.version, nodes };
}

/** A catalogue that people arranged, and what came in later: under its branch's last node, else under a new one in the template's order. */
export function extendCatalog(
  template: CatalogTemplate,
  arranged: Catalog,
  added: readonly CatalogedDocument[],
): Catalog {
  const nodes = arranged.nodes.map((node) => ({ ...node, pages: [...node.pages] }));
  const rank = (type: DocumentType) => template.branches.findIndex((branch) => branch.type === type);
  for (const fresh of buildCatalog(template, added).nodes) {
    const known = nodes.findLast(({ type }) => type === fresh.type);
    if (known !== undefined) known.pages.push(...fresh.pages);
    else {
      const after = nodes.findIndex(({ type }) => rank(type) > rank(fresh.type));
      nodes.splice(after === -1 ? nodes.length : after, 0, fresh);
    }
  }
  return { templateId: template.templateId, templateVersion: template.version, nodes };
}

/** The mandatory branches that no document fills. */
export function missingBranches(template: CatalogTemplate, present: readonly DocumentType[]): DocumentType[] {
  return template.branches
    .filter((branch) => branch.mandatory && !present.includes(branch.type))
    .map(({ type }) => type);
}

interface Words {
  zh: string;
  en: string;
}

/** Why one file of a batch is refused, and what helps. Codes are wire format. */
export const FILE_REFUSALS = {
  'sm3-mismatch': { zh: '文件与登记的 SM3 摘要不一致', en: 'The file is not the one announced: its SM3 differs' },
  'document-empty': { zh: '文件为空，请重新扫描', en: 'The file is empty; scan it again' },
  'document-type-unsupported': {
    zh: '不是可接收的文件，请使用 JPEG、PNG、TIFF、PDF 或 OFD',
    en: 'Not a file that is taken; use JPEG, PNG, TIFF, PDF or OFD',
  },
  'document-type-mismatch': {
    zh: '文件内容与登记的类型不符，请核对扩展名',
    en: 'The contents are not of the announced type; check the extension',
  },
  'document-truncated': { zh: '文件不完整，请重新扫描', en: 'The file is cut off; scan it again' },
  'document-damaged': { zh: '文件已损坏，请重新扫描或导出', en: 'The file is damaged; scan or export it again' },
  'document-encrypted': {
    zh: '文件已加密或设有密码，请解密后重发',
    en: 'The file is encrypted or has a password; send it without',
  },
  'document-unsafe': {
    zh: '文件结构有风险（路径越界、解压过大或嵌套过深），请重新导出',
    en: 'The file is built as an attack would be (paths that lead out, too much when unpacked, too deep); export it again',
  },
  'document-content-unsupported': {
    zh: '文件含有本系统无法显示的内容，请另存为 PDF 后重发',
    en: 'The file has content that cannot be shown here; send it as PDF',
  },
  'document-too-large': { zh: '图像尺寸过大，请降低分辨率', en: 'The image is too large; lower its resolution' },
  'document-too-many-pages': { zh: '页数过多，请拆分后重发', en: 'Too many pages; split the file' },
  'page-count-mismatch': { zh: '实际页数与登记的页数不符', en: 'The file has not the announced number of pages' },
} as const satisfies Record<string, Words>;

/** What of the file a refusal names. */
export const REFUSED_FIELDS = {
  bytes: { zh: '文件内容', en: 'contents' },
  font: { zh: '字体', en: 'font' },
  mediaType: { zh: '文件类型', en: 'type' },
  pageCount: { zh: '页数', en: 'pages' },
  pixels: { zh: '图像尺寸', en: 'size of the image' },
  sm3: { zh: 'SM3 摘要', en: 'SM3' },
} as const satisfies Record<string, Words>;

/** A refusal as people read it, with the field; one that is not known here is told by its code. */
export function refusalWords({ code, field }: { code: string; field: string }): Words {
  const why: Words = (FILE_REFUSALS as Record<string, Words>)[code] ?? { zh: code, en: code };
  const what: Words = (REFUSED_FIELDS as Record<string, Words>)[field] ?? { zh: field, en: field };
  return { zh: `${why.zh}（${what.zh}）`, en: `${why.en} (${what.en})` };
}

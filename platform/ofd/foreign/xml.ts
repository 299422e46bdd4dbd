import iconv from 'iconv-lite';
import { SaxesParser, type SaxesTagNS } from 'saxes';
import { isSealfolioError } from '../../../domain/errors.ts';
import { OFD_NAMESPACE } from '../xml.ts';
import { refuse } from './refuse.ts';

/** An element by its local name, whatever prefix its maker writes. */
export interface Element {
  name: string;
  attributes: Readonly<Record<string, string>>;
  children: Element[];
  text: string;
}

/** Older makers leave out the year. */
const NAMESPACES: ReadonlySet<string> = new Set([OFD_NAMESPACE, 'http://www.ofdspec.org']);
const MAX_BYTES = 32 * 1024 * 1024;
const MAX_DEPTH = 64;
const MAX_ELEMENTS = 1_000_000;
const ENCODINGS: ReadonlySet<string> = new Set(['utf-8', 'utf8', 'gbk', 'gb2312', 'gb18030', 'utf-16', 'us-ascii']);

function decode(data: Buffer, what: string): string {
  const isUtf16 = ['fffe', 'feff'].includes(data.toString('hex', 0, 2));
  const said = /^\s*<\?xml[^>]*?\sencoding\s*=\s*["']([\w.-]{1,40})["']/.exec(data.toString('latin1', 0, 200))?.[1];
  const encoding = isUtf16 ? 'utf-16' : (said ?? 'utf-8').toLowerCase();
  if (!ENCODINGS.has(encoding)) throw refuse('document-damaged', `${what} is in ${encoding}`);
  return iconv.decode(data, encoding);
}

/**
 * The tree of one XML file; `what` it is to the document is told where it fails. OFD needs no DTD, so none is taken: there are no entities to expand and nothing is fetched.
 * Elements of other namespaces are left out. Throws document-damaged, document-unsafe or document-too-large.
 */
export function parseXml(data: Buffer, what: string): Element {
  if (data.length > MAX_BYTES) throw refuse('document-too-large', `${what} has ${data.length} bytes`);
  const parser = new SaxesParser({ xmlns: true, position: false });
  const top: Element = { name: '', attributes: {}, children: [], text: '' };
  const open: (Element | null)[] = [top];
  let elements = 0;
  parser.on('doctype', () => {
    throw refuse('document-unsafe', `${what} has a document type`);
  });
  parser.on('opentag', (tag: SaxesTagNS) => {
    elements += 1;
    if (open.length > MAX_DEPTH || elements > MAX_ELEMENTS)
      throw refuse('document-unsafe', `${what} is nested too deep, or has too many elements`);
    const parent = open.at(-1);
    if (parent === null || parent === undefined || !NAMESPACES.has(tag.uri)) {
      open.push(null);
      return;
    }
    const attributes = Object.fromEntries(Object.values(tag.attributes).map(({ local, value }) => [local, value]));
    const element: Element = { name: tag.local, attributes, children: [], text: '' };
    parent.children.push(element);
    open.push(element);
  });
  parser.on('closetag', () => open.pop());
  const onText = (text: string) => {
    const element = open.at(-1);
    if (element) element.text += text;
  };
  parser.on('text', onText);
  parser.on('cdata', onText);
  try {
    parser.write(decode(data, what)).close();
  } catch (error) {
    throw isSealfolioError(error) ? error : refuse('document-damaged', `${what} is no XML`, 'bytes', error);
  }
  const [root] = top.children;
  if (root === undefined) throw refuse('document-damaged', `${what} is no file of OFD`);
  return root;
}

export const childrenOf = (element: Element | undefined, name: string): Element[] =>
  element?.children.filter((child) => child.name === name) ?? [];

export const childOf = (element: Element | undefined, name: string): Element | undefined =>
  element?.children.find((child) => child.name === name);

/** The text of a child without the blanks around it, or undefined if there is none. */
export const textOf = (element: Element | undefined, name: string): string | undefined =>
  childOf(element, name)?.text.trim() || undefined;

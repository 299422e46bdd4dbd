export const OFD_NAMESPACE = 'http://www.ofdspec.org/2016';

/** Text for XML 1.0: markup escaped, what XML cannot hold left out. */
export const escape = (text: string): string =>
  text
    .replace(
      /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g,
      '',
    )
    .replace(/[&<>"]/g, (character) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[character]!);

type Attributes = Record<string, string | number | undefined>;

/** One element in the `ofd` prefix; children are XML already. */
export function element(name: string, attributes: Attributes = {}, ...children: string[]): string {
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${escape(String(value))}"`)
    .join('');
  const content = children.join('');
  return content === '' ? `<ofd:${name}${written}/>` : `<ofd:${name}${written}>${content}</ofd:${name}>`;
}

/** A whole XML file: the root gets the namespace. */
export const xmlFile = (name: string, attributes: Attributes, ...children: string[]): Buffer =>
  Buffer.from(
    `<?xml version="1.0" encoding="UTF-8"?>\n${element(name, { 'xmlns:ofd': OFD_NAMESPACE, ...attributes }, ...children)}`,
    'utf8',
  );

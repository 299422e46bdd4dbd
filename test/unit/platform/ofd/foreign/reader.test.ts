import fc from 'fast-check';
import iconv from 'iconv-lite';
import { inspect } from '../../../../../platform/ofd/inspect.ts';
import { MAX_PAGES } from '../../../../../platform/ofd/limits.ts';
import { packOfd } from '../../../../../platform/ofd/package.ts';
import { element, xmlFile } from '../../../../../platform/ofd/xml.ts';
import { ZipWriter } from '../../../../../platform/ofd/zip.ts';
import { pngScan, tiffScan } from '../../../../fixtures/documents.ts';
import { bmp, deflated, directoryAt, type Made, ofd, ofdFiles } from '../../../../fixtures/ofd.ts';
import { collect, makeContent, makeSealer } from '../../../../fixtures/package.ts';

const OFD = 'application/ofd';
const PATH = element('PathObject', { Boundary: '10 10 20 20' }, element('AbbreviatedData', {}, 'M 0 0 L 20 20'));
const picture = (id: number) => element('ImageObject', { Boundary: '0 0 9 9', CTM: '9 0 0 9 0 0', ResourceID: id });
const listed = (file: string) =>
  element('MultiMedias', {}, element('MultiMedia', { ID: 7, Type: 'Image' }, element('MediaFile', {}, file)));

/** A ZIP of these files, as they are. */
function zipOf(files: Iterable<readonly [string, Buffer]>): Buffer {
  const zip = new ZipWriter();
  const entries = [...files].flatMap(([name, data]) => zip.entry(name, data));
  return Buffer.concat([...entries, ...zip.end()]);
}

function changed(made: Made, name: string, data: Buffer | null): Buffer {
  const files = ofdFiles(made);
  if (data === null) files.delete(name);
  else files.set(name, data);
  return zipOf(files);
}

/** Writes a field of an entry in the directory of a ZIP. */
function withField(data: Buffer, name: string, offset: number, value: number, bytes: 2 | 4): Buffer {
  const copy = Buffer.from(data);
  copy.writeUIntLE(value, directoryAt(copy, name) + offset, bytes);
  return copy;
}

const [FLAGS, CRC, PACKED, SIZE] = [8, 16, 20, 24];
const ONE: Made = { pages: [PATH] };
const PICTURED: Made = { pages: [picture(7)], resources: listed('a') };

describe('an OFD of any maker is told by its pages', () => {
  test('each with its own size, in the order of the document', async () => {
    const area = element('Area', {}, element('PhysicalBox', {}, '0 0 297 210'));
    const { mediaType, pages } = await inspect(ofd({ pages: [PATH, { page: area }, ''], sizeMm: [210, 297] }), OFD);
    expect(mediaType).toBe(OFD);
    expect(pages).toEqual([
      { widthMm: 210, heightMm: 297 },
      { widthMm: 297, heightMm: 210 },
      { widthMm: 210, heightMm: 297 },
    ]);
  });

  test('packed, or with its entry file at the end', async () => {
    const files = ofdFiles({ pages: [PATH, PATH] });
    expect((await inspect(await deflated(files), OFD)).pages).toHaveLength(2);
    expect((await inspect(zipOf([...files].reverse()), OFD)).pages).toHaveLength(2);
  });

  test('a package of this system too, with its seal', async () => {
    const { pages } = await inspect(await collect(packOfd(await makeContent(3), await makeSealer())), OFD);
    expect(pages).toEqual(Array.from({ length: 3 }, () => ({ widthMm: 210, heightMm: 297 })));
  });

  test('all documents of it; of one with versions, the current version', async () => {
    const files = ofdFiles({ pages: [PATH, PATH] });
    const second = element('Page', { ID: 1, BaseLoc: '../Doc_0/Pages/Page_0/Content.xml' });
    const area = element('CommonData', {}, element('PageArea', {}, element('PhysicalBox', {}, '0 0 50 50')));
    files.set('Doc_1/Document.xml', xmlFile('Document', {}, area, element('Pages', {}, second)));
    const root = (location: string) => element('DocRoot', {}, location);
    const both = [root('/Doc_0/Document.xml'), root('Doc_1/Document.xml')].map((at) => element('DocBody', {}, at));
    files.set('OFD.xml', xmlFile('OFD', {}, ...both));
    expect((await inspect(zipOf(files), OFD)).pages).toHaveLength(3);
    const version = element('Version', { ID: 'v2', Index: 2, Current: 'true', BaseLoc: 'Doc_1/Version.xml' });
    files.set('Doc_1/Version.xml', xmlFile('DocVersion', {}, root('Document.xml')));
    files.set(
      'OFD.xml',
      xmlFile('OFD', {}, element('DocBody', {}, root('Doc_0/Document.xml'), element('Versions', {}, version))),
    );
    expect((await inspect(zipOf(files), OFD)).pages).toHaveLength(1);
  });

  test('the older namespace, another prefix, names in GBK, files in GB18030', async () => {
    const files = [...ofdFiles(ONE)].map(([name, data]): [string, Buffer] => {
      const text = data
        .toString()
        .replaceAll('ofdspec.org/2016', 'ofdspec.org')
        .replaceAll('ofd:', '')
        .replace('xmlns:ofd', 'xmlns');
      const renamed = text.replaceAll('Doc_0', '文档').replace('UTF-8', 'GB18030');
      return [name.replace('Doc_0', '文档'), iconv.encode(renamed.replace(':ofd', ''), 'gb18030')];
    });
    const names = files.map(([name]) => iconv.encode(name, 'gbk'));
    expect((await inspect(rawNames(files, names), OFD)).pages).toHaveLength(1);
  });
});

/** A ZIP with names of these bytes, without the flag for UTF-8. */
function rawNames(files: readonly (readonly [string, Buffer])[], names: readonly Buffer[]): Buffer {
  const stand = files.map(([, data], i) => [`${i}`.padEnd(names[i]!.length, '#'), data] as const);
  const zip = zipOf(stand);
  for (const [i, [placeholder]] of stand.entries())
    for (let at = zip.indexOf(placeholder); at >= 0; at = zip.indexOf(placeholder, at + 1)) names[i]!.copy(zip, at);
  for (const signature of ['PK\x03\x04', 'PK\x01\x02'])
    for (let at = zip.indexOf(signature, 0, 'latin1'); at >= 0; at = zip.indexOf(signature, at + 1, 'latin1'))
      zip.writeUInt16LE(0, at + (signature === 'PK\x03\x04' ? 6 : 8));
  return zip;
}

const DOCTYPE = Buffer.from(
  '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a xmlns="http://www.ofdspec.org/2016">&e;</a>',
);
const nested = (depth: number) => Buffer.from(`${'<a>'.repeat(depth)}${'</a>'.repeat(depth)}`);
const unit = (id: number, ...inside: string[]) =>
  element('CompositeGraphicUnit', { ID: id, Width: 9, Height: 9 }, element('Content', {}, ...inside));
const composite = (id: number) => element('CompositeObject', { Boundary: '0 0 9 9', ResourceID: id });
/** Each holds ten of the next. */
const explosion = Array.from({ length: 9 }, (_, i) => unit(20 + i, ...Array<string>(10).fill(composite(21 + i))));
const zeros = (bytes: number) => ({ ...ONE, files: { 'Doc_0/Res/zeros': Buffer.alloc(bytes) } });

describe('one that is not whole, not plain or not safe is refused, with the field and the reason', () => {
  test.each<[string, string, string, () => Promise<Buffer> | Buffer]>([
    [
      'document-type-unsupported',
      'mediaType',
      'a ZIP of something else',
      () => zipOf([['word/document.xml', Buffer.from('<a/>')]]),
    ],
    ['document-truncated', 'bytes', 'cut off', () => ofd(ONE).subarray(0, -30)],
    [
      'document-damaged',
      'bytes',
      'the directory is not where it should be',
      () => Buffer.concat([ofd(ONE).subarray(0, 40), ofd(ONE).subarray(90)]),
    ],
    [
      'document-damaged',
      'bytes',
      'a checksum that differs',
      () => withField(ofd(ONE), 'Doc_0/Document.xml', CRC, 1, 4),
    ],
    [
      'document-damaged',
      'bytes',
      'more bytes than said',
      async () => withField(await deflated(ofdFiles(ONE)), 'Doc_0/Document.xml', SIZE, 50, 4),
    ],
    ['document-damaged', 'bytes', 'OFD.xml in a folder only', () => zipOf([['a/OFD.xml', Buffer.from('<a/>')]])],
    ['document-damaged', 'bytes', 'no XML', () => changed(ONE, 'Doc_0/Document.xml', Buffer.from('<a><b></a>'))],
    ['document-damaged', 'bytes', 'of no namespace of OFD', () => changed(ONE, 'OFD.xml', Buffer.from('<OFD/>'))],
    [
      'document-damaged',
      'bytes',
      'an encoding that nobody uses',
      () => changed(ONE, 'OFD.xml', Buffer.from('<?xml version="1.0" encoding="x-none"?><a/>')),
    ],
    ['document-damaged', 'bytes', 'no pages', () => ofd({ pages: [] })],
    ['document-damaged', 'bytes', 'a page is missing', () => changed(ONE, 'Doc_0/Pages/Page_0/Content.xml', null)],
    ['document-damaged', 'bytes', 'a page without a size', () => ofd({ ...ONE, sizeMm: [0, 100] })],
    [
      'document-damaged',
      'bytes',
      'a template is missing',
      () => ofd({ pages: [{ page: element('Template', { TemplateID: 5 }) }] }),
    ],
    ['document-damaged', 'bytes', 'an object without its box', () => ofd({ pages: [element('PathObject', {})] })],
    [
      'document-damaged',
      'bytes',
      'a text of no font',
      () => ofd({ pages: [element('TextObject', { Boundary: '0 0 9 9', Size: 3, Font: 3 })] }),
    ],
    ['document-damaged', 'bytes', 'a picture that is not listed', () => ofd({ pages: [picture(7)] })],
    [
      'document-damaged',
      'bytes',
      'a picture that is missing',
      () => ofd({ pages: [picture(7)], resources: listed('a.png') }),
    ],
    [
      'document-damaged',
      'bytes',
      'a picture that is cut off',
      async () =>
        ofd({
          pages: [picture(7)],
          resources: listed('a.png'),
          files: { 'Doc_0/Res/a.png': (await pngScan(1)).subarray(0, 20) },
        }),
    ],
    [
      'document-truncated',
      'bytes',
      'a picture whose end is missing',
      async () => ofd({ ...PICTURED, files: { 'Doc_0/Res/a': (await pngScan(1)).subarray(0, -100) } }),
    ],
    [
      'document-damaged',
      'bytes',
      'a TIFF whose end is missing',
      async () => ofd({ ...PICTURED, files: { 'Doc_0/Res/a': (await tiffScan(1)).subarray(0, -4000) } }),
    ],
    ['document-encrypted', 'bytes', 'an entry of ZIP encryption', () => encrypted()],
    [
      'document-encrypted',
      'bytes',
      'GM/T 0099',
      () => ofd({ ...ONE, files: { 'Encryptions.xml': Buffer.from('<a/>') } }),
    ],
    [
      'document-encrypted',
      'bytes',
      'said by the document',
      () => ofd({ ...ONE, body: element('Encryptions', {}, 'Encrypt.xml') }),
    ],
    [
      'document-unsafe',
      'bytes',
      'a name that climbs out',
      () => zipOf([...ofdFiles(ONE), ['Doc_0/../../../etc/cron.d/x', Buffer.alloc(1)]]),
    ],
    [
      'document-unsafe',
      'bytes',
      'a name that climbs out as Windows writes it',
      () => zipOf([...ofdFiles(ONE), ['Doc_0\\..\\..\\x', Buffer.alloc(1)]]),
    ],
    [
      'document-unsafe',
      'bytes',
      'a name from the root',
      () => zipOf([...ofdFiles(ONE), ['/etc/passwd', Buffer.alloc(1)]]),
    ],
    ['document-unsafe', 'bytes', 'a name with a drive', () => zipOf([...ofdFiles(ONE), ['C:x', Buffer.alloc(1)]])],
    [
      'document-unsafe',
      'bytes',
      'two entries of one name',
      () => zipOf([...ofdFiles(ONE), ['Doc_0/./Document.xml', Buffer.alloc(1)]]),
    ],
    [
      'document-unsafe',
      'bytes',
      'a location that climbs out',
      () => ofd({ ...ONE, common: element('PublicRes', {}, '../../a.xml') }),
    ],
    ['document-unsafe', 'bytes', 'a bomb of zeros', async () => deflated(ofdFiles(zeros(32 * 1024 * 1024)))],
    [
      'document-unsafe',
      'bytes',
      'an entry that is said to be huge',
      async () => withField(await deflated(ofdFiles(ONE)), 'Doc_0/Document.xml', SIZE, 0x7fffffff, 4),
    ],
    ['document-unsafe', 'bytes', 'one entry that is there ten times', () => overlapped()],
    ['document-unsafe', 'bytes', 'a document type, an entity', () => changed(ONE, 'Doc_0/Document.xml', DOCTYPE)],
    ['document-unsafe', 'bytes', 'XML without end', () => changed(ONE, 'Doc_0/Document.xml', nested(10_000))],
    [
      'document-unsafe',
      'bytes',
      'an object in itself',
      () => ofd({ pages: [composite(20)], resources: element('CompositeGraphicUnits', {}, unit(20, composite(20))) }),
    ],
    [
      'document-unsafe',
      'bytes',
      'a thousand million objects',
      () =>
        ofd({ pages: [composite(20)], resources: element('CompositeGraphicUnits', {}, ...explosion, unit(29, PATH)) }),
    ],
    ['document-too-large', 'pixels', 'a page of a kilometre', () => ofd({ ...ONE, sizeMm: [1_000_000, 100] })],
    [
      'document-too-large',
      'pixels',
      'a bitmap of a billion dots',
      () => ofd({ pages: [picture(7)], resources: listed('a.bmp'), files: { 'Doc_0/Res/a.bmp': huge() } }),
    ],
    [
      'document-too-many-pages',
      'pageCount',
      'one page too many',
      () => ofd({ pages: Array<string>(MAX_PAGES + 1).fill('') }),
    ],
    [
      'document-content-unsupported',
      'bytes',
      'a picture of another kind',
      () =>
        ofd({
          pages: [picture(7)],
          resources: listed('a.jb2'),
          files: { 'Doc_0/Res/a.jb2': Buffer.from('\x97JB2\r\n\x1a\n', 'latin1') },
        }),
    ],
    [
      'document-content-unsupported',
      'bytes',
      'a picture as SVG',
      () =>
        ofd({
          pages: [picture(7)],
          resources: listed('a.svg'),
          files: { 'Doc_0/Res/a.svg': Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>') },
        }),
    ],
  ])(
    '%s (%s): %s',
    async (code, field, _what, make) => {
      await expect(inspect(await make(), OFD)).rejects.toMatchObject({ code, data: { field } });
    },
    30_000,
  );

  test('one that is announced as something else', async () => {
    await expect(inspect(ofd(ONE), 'application/pdf')).rejects.toMatchObject({ code: 'document-type-mismatch' });
  });

  test('whatever is changed in it: an inspection or a refusal, never another error', async () => {
    const plain = ofd({
      pages: [PATH, picture(7)],
      resources: listed('a.bmp'),
      files: { 'Doc_0/Res/a.bmp': bmp(4, 4, () => [9, 9, 9]) },
    });
    const packed = await deflated(ofdFiles({ pages: [PATH] }));
    const change = fc.record({ at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }) });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(plain, packed),
        fc.array(change, { minLength: 1, maxLength: 8 }),
        async (data, changes) => {
          const copy = Buffer.from(data);
          for (const { at, byte } of changes) copy[at % copy.length] = byte;
          await inspect(copy, OFD).catch((error: { name: string }) => expect(error.name).toBe('SealfolioError'));
        },
      ),
      { numRuns: 300 },
    );
  }, 60_000);
});

/** As ZIP encryption (APPNOTE 6.2.0 §VI) marks it: twelve bytes more, and a flag. */
function encrypted(): Buffer {
  const name = 'Doc_0/Document.xml';
  const zip = ofd(ONE);
  const packed = zip.readUInt32LE(directoryAt(zip, name) + PACKED) + 12;
  return withField(withField(zip, name, FLAGS, 0x0801, 2), name, PACKED, packed, 4);
}

/** Entries in the directory that all lie on the same bytes. */
function overlapped(): Buffer {
  const big = Buffer.alloc(4 * 1024 * 1024, 'x');
  const names = Array.from({ length: 10 }, (_, i) => `Doc_0/Res/${i}`);
  const zip = zipOf([
    ...ofdFiles(ONE),
    ...names.map((name) => [name, Buffer.alloc(0)] as const),
    ['Doc_0/Res/big', big],
  ]);
  const at = zip.readUInt32LE(directoryAt(zip, 'Doc_0/Res/big') + 42);
  for (const name of names) {
    const entry = directoryAt(zip, name);
    zip.writeUInt32LE(big.length, entry + 20);
    zip.writeUInt32LE(big.length, entry + 24);
    zip.writeUInt32LE(at, entry + 42);
  }
  return zip;
}

function huge(): Buffer {
  const data = bmp(1, 1, () => [0, 0, 0]);
  data.writeInt32LE(40_000, 18);
  data.writeInt32LE(40_000, 22);
  return data;
}

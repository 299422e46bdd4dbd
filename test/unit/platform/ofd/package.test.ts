import { promisify } from 'node:util';
import yauzl from 'yauzl';
import { sm3 } from '../../../../platform/crypto/index.ts';
import { packOfd } from '../../../../platform/ofd/package.ts';
import { escape } from '../../../../platform/ofd/xml.ts';
import { collect, makeContent, makeSealer } from '../../../fixtures/package.ts';

async function unzip(data: Buffer): Promise<Map<string, Buffer>> {
  const zip = await promisify<Buffer, yauzl.Options, yauzl.ZipFile>(yauzl.fromBuffer)(data, { lazyEntries: true });
  const entries = new Map<string, Buffer>();
  await new Promise<void>((done, fail) => {
    zip.on('error', fail).on('end', done);
    zip.on('entry', (entry: yauzl.Entry) => {
      zip.openReadStream(entry, (error, stream) => {
        if (error !== null && error !== undefined) return fail(error);
        collect(stream as AsyncIterable<Buffer>).then((bytes) => {
          entries.set(entry.fileName, bytes);
          zip.readEntry();
        }, fail);
      });
    });
    zip.readEntry();
  });
  return entries;
}

test('the package holds every page as it came, and every entry but the signature is under it', async () => {
  const content = await makeContent(3);
  const progress: number[] = [];
  const entries = await unzip(await collect(packOfd(content, await makeSealer(), (done) => progress.push(done))));
  expect(progress).toEqual([1, 2, 3]);
  expect(entries.get('Doc_0/Res/image_0.jpg')).toEqual((await content.pages[0]!.image()).data);
  const signature = entries.get('Doc_0/Signs/Sign_0/Signature.xml')!.toString();
  for (const [name, data] of entries) {
    if (/Signature\.xml$|SignedValue\.dat$/.test(name)) continue;
    expect(signature).toContain(`FileRef="/${name}"><ofd:CheckValue>${sm3(data).toString('base64')}<`);
  }
  expect(entries.get('OFD.xml')!.toString()).toContain('住院病案 &amp; &lt;出院&gt;');
});

test('the same content is the same bytes, up to the signature', async () => {
  const [content, sealer] = [await makeContent(2), await makeSealer()];
  const [a, b] = [
    await unzip(await collect(packOfd(content, sealer))),
    await unzip(await collect(packOfd(content, sealer))),
  ];
  for (const [name, data] of a) if (!name.endsWith('SignedValue.dat')) expect(b.get(name)).toEqual(data);
});

test('one page at a time is asked for', async () => {
  const content = await makeContent(4);
  let open = 0;
  const pages = content.pages.map((page) => ({
    ...page,
    image: async () => {
      open += 1;
      expect(open).toBe(1);
      const image = await page.image();
      open -= 1;
      return image;
    },
  }));
  await collect(packOfd({ ...content, pages }, await makeSealer()));
});

test.each([
  ['markup', 'a < b & "c"', 'a &lt; b &amp; &quot;c&quot;'],
  ['what XML cannot hold', 'nul\u0000 and \ud800 alone', 'nul and  alone'],
  ['a surrogate pair', '😀', '😀'],
])('text in XML: %s', (_name, text, expected) => {
  expect(escape(text)).toBe(expected);
});

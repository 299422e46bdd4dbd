import { existsSync, readFileSync } from 'node:fs';

/** Of a row of docs/attacks.md: what it is about, the files that stop it, and the tests that show it. */
interface Row {
  attack: string;
  files: string[];
  tests: { file: string; name: string }[];
}

const text = readFileSync('docs/attacks.md', 'utf8');
const cells = (line: string) => line.slice(2, -2).split(' | ');
const lines = text.split('\n').filter((line) => line.startsWith('| '));
const isHead = (line: string) => cells(line)[2] === 'shown by';

const rows = lines
  .filter((line) => !isHead(line))
  .map((line): Row => {
    const [attack, stops, shown, ...more] = cells(line);
    if (shown === undefined || more.length > 0) throw new Error(`three cells are wanted: ${line}`);
    const tests = shown.split('<br>').map((one) => {
      const [, file, name] = /^`([^`]+)`: (.+)$/.exec(one) ?? [];
      if (file === undefined || name === undefined) throw new Error(`\`file\`: name is wanted: ${one}`);
      return { file, name };
    });
    return { attack: attack!, files: [...stops!.matchAll(/`([^`]+)`/g)].map(([, file]) => file!), tests };
  });

test('each part has its table', () => {
  expect(lines.filter(isHead)).toHaveLength(text.match(/^## (?!Open)/gm)!.length);
});

test.each(rows)('$attack: stopped by a file that there is, shown by a test that there is', ({ files, tests }) => {
  expect(files).not.toEqual([]);
  expect(files.filter((file) => !existsSync(file))).toEqual([]);
  const found = tests.map(({ file, name }) => ({
    file,
    name: readFileSync(file, 'utf8').includes(name) ? name : null,
  }));
  expect(found).toEqual(tests);
});

test.each([
  ...['ASA-2023-002', 'ASA-2024-001', 'ASA-2024-008', 'ASA-2024-009', 'ASA-2024-011', 'ASA-2025-001', 'ASA-2025-002'],
  ...['ASA-2025-003', 'CSA-2026-001', 'CVE-2023-34450', 'CVE-2023-34451', '#5324', 'arXiv 2601.16560', 'Marcus 2018'],
])('%s is spoken of', (name) => expect(text).toContain(name));

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { PROBLEMS } from '../../../api/problems.ts';

const folder = path.join(process.cwd(), 'test');
const tests = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts') && !name.endsWith('refusals.test.ts'))
  .map((name) => readFileSync(path.join(folder, name), 'utf8'))
  .join('\n');

test.each(Object.keys(PROBLEMS))('the refusal %s is in a test', (code) => {
  expect(tests.includes(`'${code}'`) || tests.includes(`"${code}"`)).toBe(true);
});

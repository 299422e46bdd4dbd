import { spawn } from 'node:child_process';
import os from 'node:os';
import sharp from 'sharp';
import type { TextLine } from '../../domain/catalog/classify.ts';
import { MAX_PIXELS } from '../ofd/limits.ts';
import { linesOfTsv } from './tsv.ts';

/** Reads the lines at the top of a page: where its title is. Null: it could not be read in time, which says nothing about the page. */
export interface TitleReader {
  /** Of the program that reads. */
  version: string;
  read(image: Uint8Array): Promise<TextLine[] | null>;
}

const LANGUAGE = 'chi_sim';
/** A title is read in half a second; who needs this long is stuck, or the machine is. */
const LIMIT_MS = 20_000;
const MOST_OUTPUT = 1024 * 1024;
/** The part of a page where its title is. */
const TOP = 0.3;
/** What letters of a title need, and no more. */
const WIDTH_PX = 1240;
const DPI = 150;
/** A page is one column of lines of many sizes. */
const LAYOUT = ['--psm', '6'];
/** Whoever waits for the processor goes before it; on a full machine it still gets a quarter of one. */
const NICENESS = 5;
/** One page, one thread: pages are read side by side. */
const ENVIRONMENT = { PATH: process.env.PATH ?? '', OMP_THREAD_LIMIT: '1', LC_ALL: 'C.UTF-8' };

/** Runs the program without a shell; its output, or null if it fails, says too much, or takes too long. */
function run(program: string, args: readonly string[], input?: Uint8Array): Promise<string | null> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { env: ENVIRONMENT, stdio: ['pipe', 'pipe', 'ignore'], shell: false });
    if (child.pid !== undefined) os.setPriority(child.pid, NICENESS);
    const pieces: Buffer[] = [];
    let bytes = 0;
    const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
    const end = (answer: string | null) => {
      clearTimeout(timer);
      resolve(answer);
    };
    child.on('error', () => end(null));
    child.stdin.on('error', () => {}); // it ended before it had read all: its exit tells
    child.stdout.on('data', (piece: Buffer) => {
      bytes += piece.length;
      if (bytes > MOST_OUTPUT) child.kill('SIGKILL');
      else pieces.push(piece);
    });
    child.on('close', (code) => end(code === 0 ? Buffer.concat(pieces).toString('utf8') : null));
    child.stdin.end(input);
  });
}

/** The top of a page as a recogniser likes it: grey, of one width. */
async function topOf(image: Uint8Array): Promise<Buffer> {
  const page = sharp(image, { limitInputPixels: MAX_PIXELS }).rotate();
  const { data, info } = await page
    .flatten({ background: '#fff' })
    .resize({ width: WIDTH_PX })
    .greyscale()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  return sharp(data, { raw: { width, height, channels } })
    .extract({ left: 0, top: 0, width, height: Math.max(1, Math.min(height, Math.round(height * TOP))) })
    .normalise()
    .png({ compressionLevel: 1 })
    .toBuffer();
}

/** Debian's tesseract with Chinese, where it is installed; null where it is not: then titles are read by people. */
export async function findTitleReader(program = 'tesseract'): Promise<TitleReader | null> {
  const languages = await run(program, ['--list-langs']);
  if (languages === null || !languages.split('\n').some((line) => line.trim() === LANGUAGE)) return null;
  const version = /^tesseract (\S+)/.exec((await run(program, ['--version'])) ?? '')?.[1] ?? 'unknown';
  return {
    version,
    async read(image) {
      const args = ['stdin', 'stdout', '-l', LANGUAGE, '--dpi', String(DPI), ...LAYOUT, 'tsv'];
      const tsv = await run(program, args, await topOf(image));
      return tsv === null ? null : linesOfTsv(tsv);
    },
  };
}

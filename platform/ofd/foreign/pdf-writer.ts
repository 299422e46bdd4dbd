/** Writes a PDF (ISO 32000-1 §7.5): objects as they are given, a table of where they are. */
export class PdfWriter {
  readonly #parts: Buffer[] = [Buffer.from('%PDF-1.7\n')];
  readonly #places: number[] = [];
  #bytes = this.#parts[0]!.length;

  /** Adds an object, tells how others refer to it. */
  add(dictionary: string, stream?: Buffer): string {
    this.#places.push(this.#bytes);
    const reference = `${this.#places.length} 0`;
    if (stream === undefined) this.#write(`${reference} obj<<${dictionary}>>endobj\n`);
    else {
      this.#write(`${reference} obj<<${dictionary}/Length ${stream.length}>>stream\n`);
      this.#write(stream);
      this.#write('\nendstream endobj\n');
    }
    return `${reference} R`;
  }

  /** The whole file, with this catalogue. */
  end(catalog: string): Buffer {
    const [start, size] = [this.#bytes, this.#places.length + 1];
    const places = this.#places.map((place) => `${String(place).padStart(10, '0')} 00000 n \n`);
    this.#write(`xref\n0 ${size}\n0000000000 65535 f \n${places.join('')}`);
    this.#write(`trailer<</Size ${size}/Root ${catalog}>>\nstartxref\n${start}\n%%EOF\n`);
    return Buffer.concat(this.#parts);
  }

  #write(part: string | Buffer): void {
    const bytes = typeof part === 'string' ? Buffer.from(part) : part;
    this.#parts.push(bytes);
    this.#bytes += bytes.length;
  }
}

export interface Figure {
  bench: string;
  figure: string;
  value: number;
  unit: string;
  peer?: string;
  peerValue?: number;
  /** Ours ÷ the peer's, both measured in this run. */
  ratio?: number;
  note?: string;
}

/** Prints one figure as one JSON line on stdout; nothing else goes there (progress belongs on stderr). */
export function report(figure: Figure): void {
  const rounded = (value: number) => Number(value.toPrecision(4));
  const line = {
    ...figure,
    value: rounded(figure.value),
    ...(figure.peerValue !== undefined && { peerValue: rounded(figure.peerValue) }),
    ...(figure.ratio !== undefined && { ratio: rounded(figure.ratio) }),
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

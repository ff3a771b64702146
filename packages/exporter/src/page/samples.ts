/** One line of a scrape. */
export interface Sample {
  readonly name: string
  readonly labels: ReadonlyMap<string, string>
  readonly value: number
  /** Name and labels as they were written: the same from scrape to scrape. */
  readonly series: string
}

/** A value may have what ends a line elsewhere, such as a carriage return. */
const LINE = /^([a-z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: -?\d+)?$/is
const LABEL = /([a-z_]\w*)="((?:[^"\\]|\\.)*)"/gi

/** Reads Prometheus's text format 0.0.4: the samples whose names begin with `prefix`. What is no sample is left out. */
export function parseSamples(text: string, prefix: string): Sample[] {
  const samples: Sample[] = []
  for (const line of text.split('\n')) {
    const [, name, labels = '', value] = (line.startsWith(prefix) && LINE.exec(line)) || []
    if (name === undefined || value === undefined) continue
    samples.push({ name, labels: parseLabels(labels), value: parseNumber(value), series: `${name}{${labels}}` })
  }
  return samples
}

function parseLabels(text: string): ReadonlyMap<string, string> {
  return new Map(Array.from(text.matchAll(LABEL), ([, name = '', value = '']) => [name, unescapeLabel(value)]))
}

function unescapeLabel(value: string): string {
  return value.replace(/\\(.)/g, (_, character) => (character === 'n' ? '\n' : character))
}

/** As the format writes numbers, which is how Go does. */
export function parseNumber(text: string): number {
  return Number(text.replace('Inf', 'Infinity'))
}

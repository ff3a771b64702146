/** Labels with their values: those that all series of a sum have. */
export type Series = Readonly<Record<string, string>>

/** Reads a Prometheus port as Prometheus does, and sums what it says of a name over the series with these labels. */
export async function readPort(url: string): Promise<(name: string, labels: Series) => number> {
  const response = await fetch(url)
  const text = await response.text()
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${text}`)
  const lines = text.split('\n')
  return (name, labels) =>
    lines
      .filter((line) => line.startsWith(`${name}{`))
      .filter((line) => Object.entries(labels).every(([label, value]) => line.includes(`${label}="${value}"`)))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf('}') + 1)), 0)
}

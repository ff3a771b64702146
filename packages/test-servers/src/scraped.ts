/**
 * Asks a port for metrics as Prometheus would, and adds up the samples of this name that have these labels. Rejects when
 * there is none, so that a misspelt name is no 0.
 */
export async function scraped(
  url: string,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number> {
  const response = await fetch(url)
  const text = await response.text()
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`)
  const samples = text.split('\n').filter((line) => {
    return (line.startsWith(`${name}{`) || line.startsWith(`${name} `)) && wanted.every((pair) => line.includes(pair))
  })
  if (samples.length === 0) throw new Error(`${url} (${response.status}) has no ${name}{${wanted}}:\n${text}`)
  return samples.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
}

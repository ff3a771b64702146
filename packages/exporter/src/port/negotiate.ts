import type { Format } from '../exposition/write.js'

/** What is asked for by one member of an `Accept` header. */
interface Wanted {
  /** Such as `text/plain`, `gzip` or a wildcard; in lower case. */
  readonly name: string
  readonly version: string | undefined
  readonly quality: number
}

const OFFERED = {
  text: { type: 'text/plain', version: '0.0.4' },
  openmetrics: { type: 'application/openmetrics-text', version: '1.0.0' },
} as const

/** The format that `Accept` prefers. The text format where it does not care, or wants neither. */
export function negotiateFormat(accept: string | undefined): Format {
  const wanted = parse(accept)
  return qualityOf('openmetrics', wanted) > qualityOf('text', wanted) ? 'openmetrics' : 'text'
}

export function contentType(format: Format): string {
  const { type, version } = OFFERED[format]
  return `${type}; version=${version}; charset=utf-8`
}

export function acceptsGzip(acceptEncoding: string | undefined): boolean {
  const wanted = parse(acceptEncoding)
  const gzip = wanted.find(({ name }) => name === 'gzip') ?? wanted.find(({ name }) => name === '*')
  return gzip !== undefined && gzip.quality > 0
}

/** Of what names it most closely (RFC 9110, 12.5.1); 0 when nothing does. */
function qualityOf(format: Format, wanted: readonly Wanted[]): number {
  const { type, version } = OFFERED[format]
  const closest = [
    wanted.filter((one) => one.name === type && one.version === version),
    wanted.filter((one) => one.name === type && one.version === undefined),
    wanted.filter((one) => one.name === `${type.split('/', 1)[0]}/*`),
    wanted.filter((one) => one.name === '*/*'),
  ].find((matching) => matching.length > 0)
  return Math.max(0, ...(closest ?? []).map(({ quality }) => quality))
}

/** What makes no sense is left out. */
function parse(header = ''): Wanted[] {
  return header
    .toLowerCase()
    .split(',')
    .map((member) => {
      const [name = '', ...parameters] = member.split(';').map((part) => part.trim())
      const parameter = (wanted: string) =>
        parameters.find((one) => one.startsWith(`${wanted}=`))?.slice(wanted.length + 1)
      return { name, version: parameter('version')?.replaceAll('"', ''), quality: Number(parameter('q') ?? 1) }
    })
    .filter(({ name, quality }) => name !== '' && quality >= 0 && quality <= 1)
}

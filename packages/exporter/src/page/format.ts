import type { Figure } from './point.js'

/** Writes what is not `null`. */
export type Format = (value: number) => string

export const NONE = '–'

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 })

/** Three digits that mean something: `0.214`, `21.4`, `214`. */
function short(value: number): string {
  return value >= 100 ? whole.format(value) : String(Number(value.toPrecision(3)))
}

export const percent: Format = (value) => `${(value * 100).toFixed(1)} %`
export const count: Format = (value) => (value < 100_000 ? short(value) : compact.format(value))
export const rate: Format = (value) => `${count(value)}/s`

export const duration: Format = (seconds) => {
  if (seconds === 0) return '0 s'
  if (seconds < 0.001) return `${short(seconds * 1e6)} µs`
  if (seconds < 1) return `${short(seconds * 1e3)} ms`
  return seconds < 600 ? `${short(seconds)} s` : `${short(seconds / 60)} min`
}

export const bytes: Format = (value) => {
  const power = Math.min(3, Math.floor(Math.log2(Math.max(value, 1)) / 10))
  return `${short(value / 1024 ** power)} ${['B', 'KiB', 'MiB', 'GiB'][power]}`
}

const CIRCUIT = ['closed', 'half-open', 'open']
export const circuit: Format = (state) => CIRCUIT[state] ?? ''

const clocks = [
  new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }),
  new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' }),
] as const

/** @param time Unix time in seconds */
export function clock(time: number, withSeconds = true): string {
  return clocks[withSeconds ? 1 : 0].format(time * 1_000)
}

export function orNone(figure: Figure | undefined, format: Format): string {
  return figure === null || figure === undefined ? NONE : format(figure)
}

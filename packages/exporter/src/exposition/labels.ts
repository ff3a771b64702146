import type { Attributes, AttributeValue } from '@opentelemetry/api'

type Label = readonly [name: string, value: string]

/** Writes attributes as labels, each attributes object once: the SDK hands out the same one at every collection. */
export class Labels {
  readonly #constant: readonly Label[]
  readonly #written = new WeakMap<Attributes, string>()

  /** @param constant labels that every series has, behind its own */
  constructor(constant: Attributes = {}) {
    this.#constant = labelsOf(constant)
  }

  of(attributes: Attributes): string {
    let written = this.#written.get(attributes)
    if (written === undefined) {
      written = write([...labelsOf(attributes), ...this.#constant])
      this.#written.set(attributes, written)
    }
    return written
  }
}

/** In the order of their keys, so that equal attributes of two processes become equal labels. */
function labelsOf(attributes: Attributes): Label[] {
  return Object.keys(attributes)
    .sort()
    .map((key) => [labelName(key), text(attributes[key])])
}

/** A name that comes twice makes Prometheus refuse the whole scrape; OpenTelemetry has the values joined. */
function write(labels: readonly Label[]): string {
  const byName = new Map<string, string>()
  for (const [name, value] of labels) {
    const before = byName.get(name)
    byName.set(name, before === undefined ? value : `${before};${value}`)
  }
  return Array.from(byName, ([name, value]) => `${name}="${escapeLabel(value)}"`).join(',')
}

/** As the Collector names labels. `le` belongs to the buckets: another one is renamed as Prometheus itself renames. */
function labelName(key: string): string {
  const name = key.replace(/[^a-z\d]+/gi, '_') || '_'
  if (name === 'le') return 'exported_le'
  return /^\d/.test(name) ? `key_${name}` : name
}

function text(value: AttributeValue | undefined): string {
  if (typeof value === 'string') return value
  if (value === undefined || value === null) return ''
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

export function escapeLabel(value: string): string {
  return /[\\"\n]/.test(value) ? value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n') : value
}

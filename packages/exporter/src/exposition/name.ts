/** As the stock exporter has it, whose series go on under ours. */
export function metricName(name: string): string {
  const legal = name.replace(/[^a-z\d]+/gi, '_')
  return /^\d/.test(legal) ? `_${legal}` : legal
}

/** Prometheus wants its counters to end in `_total`. */
export function counterName(name: string): string {
  return name.endsWith('_total') ? name : `${name}_total`
}

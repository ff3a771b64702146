/** A group of the sidebar: its pages, in order, as paths below `docs` without `.md`. */
export interface Section {
  readonly title: string
  readonly pages: readonly string[]
}

/** Every page of the site, but for the home page and the generated API reference. What is not listed is refused. */
export const SECTIONS: readonly Section[] = [
  { title: 'Guide', pages: ['guide/what-it-is', 'guide/quick-start'] },
  {
    title: 'Features',
    pages: [
      'features/reading-through',
      'features/lifetimes',
      'features/memory',
      'features/coherence',
      'features/one-load-for-the-fleet',
      'features/limits-on-loads',
      'features/batches',
      'features/tags-and-clear',
      'features/namespaces-and-versions',
      'features/deletes-that-win',
      'features/unconfirmed-writes',
      'features/deadlines-and-breaker',
      'features/schemas-and-codecs',
      'values',
      'features/telemetry',
      'features/prometheus-port',
      'features/cluster-and-sentinel',
      'features/shutdown-and-serverless',
      'features/testing',
    ],
  },
  { title: 'How it works', pages: ['how/staleness', 'how/leases', 'how/fences', 'how/honest-limits'] },
  { title: 'Monitoring', pages: ['monitoring', 'metrics'] },
  { title: 'Reliability', pages: ['reliability'] },
  { title: 'Performance', pages: ['performance/redis_cache_benchmark'] },
  { title: 'Security', pages: ['security'] },
  { title: 'Troubleshooting', pages: ['troubleshooting'] },
  {
    title: 'Errors',
    pages: [
      'errors/index',
      'errors/error-types',
      'errors/err-cache-closed',
      'errors/err-cache-invalid-key',
      'errors/err-cache-invalid-option',
      'errors/err-cache-invalid-value',
      'errors/err-cache-load-timeout',
      'errors/err-cache-not-ready',
      'errors/err-cache-overloaded',
      'errors/err-cache-recursive-load',
      'errors/err-exporter-invalid-option',
      'errors/err-exporter-not-listening',
      'errors/err-exporter-no-primary',
      'errors/otel-cache-certificates-not-read',
      'errors/otel-cache-channel-failing',
      'errors/otel-cache-collection-failed',
      'errors/otel-cache-collection-timeout',
      'errors/otel-cache-lookup-failed',
      'errors/otel-cache-metric-not-served',
      'errors/otel-cache-no-channel',
      'errors/otel-cache-page-not-read',
      'errors/otel-cache-password-not-compared',
      'errors/otel-cache-port-failed',
      'errors/otel-cache-port-ignored',
      'errors/otel-cache-port-not-opened',
      'errors/otel-cache-port-unprotected',
      'errors/otel-cache-reply-not-taken',
      'errors/otel-cache-request-not-answered',
      'errors/otel-cache-telemetry-failed',
      'errors/otel-cache-wait-until-failed',
      'errors/otel-cache-worker-silent',
    ],
  },
  {
    title: 'Migration',
    pages: [
      'migration/cache-aside',
      'migration/bentocache',
      'migration/cache-manager',
      'migration/cacheable',
      'migration/node-redis',
    ],
  },
]

/** Parts that another page contains: not pages of the site. */
export const FRAGMENTS: readonly string[] = ['reliability/coherence']

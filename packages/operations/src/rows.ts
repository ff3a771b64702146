import { gauge, histogramQuantile, operationQuantile, rate } from './expressions.js'
import { above, below, type PanelSpec } from './panel.js'

type Row = readonly PanelSpec[]

const CACHE = '{{job}} {{cache}}'

const hits = rate('redis_cache_hits_total')
const lookups = `(${hits} + ${rate('redis_cache_misses_total')})`
const hitRatio = {
  title: 'Hit ratio',
  description:
    'The share of the lookups that the cache answered, stale ones included. The objective is 90 %. Where it falls, the misses by reason say why: absent and expired ask for a longer lifetime or more memory in Redis, unavailable for a look at Redis, undecodable for one at the last release.',
  unit: 'percentunit',
  queries: [[`${hits} / ${lookups}`, CACHE]],
  thresholds: below(0.8, 0.9),
} as const

const overview: Row = [
  { ...hitRatio, kind: 'figure' },
  {
    kind: 'figure',
    title: 'Lookups',
    description: 'Keys looked up a second. Zero where there should be traffic: the application is not asking.',
    unit: 'reqps',
    queries: [[lookups, CACHE]],
  },
  {
    kind: 'figure',
    title: 'p95 of get',
    description:
      'What 95 % of the lookups that left memory stay under, without the loader. The objective is 100 ms, which is also the default of redisTimeout: above it Redis or the network is slow.',
    unit: 's',
    queries: [[operationQuantile(0.95, [], 'operation="get"'), CACHE]],
    thresholds: above(0.1),
  },
  {
    kind: 'figure',
    title: 'Errors',
    description: 'Cache operations a second that Redis did not do. Failing loaders are not among them.',
    unit: 'ops',
    queries: [[rate('redis_cache_errors_total'), CACHE]],
    thresholds: above(0.1),
  },
  { ...hitRatio, max: 1 },
  {
    title: 'Lookups by outcome',
    description:
      'Hits by tier, misses by reason. Many redis hits beside few in memory: memory is too small, or keys are changed often (see evictions).',
    unit: 'reqps',
    queries: [
      [rate('redis_cache_hits_total', ['tier']), `${CACHE} hit {{tier}}`],
      [rate('redis_cache_misses_total', ['reason']), `${CACHE} miss {{reason}}`],
    ],
  },
  {
    title: 'Latency of get',
    description:
      'p50, p95 and p99 of the lookups that left memory, without the loader. Memory hits are not timed unless timeMemoryHits says so. Dots are exemplars: they lead to a trace.',
    unit: 's',
    queries: ([0.5, 0.95, 0.99] as const).map((quantile) => [
      operationQuantile(quantile, [], 'operation="get"'),
      `${CACHE} p${quantile * 100}`,
    ]),
    thresholds: above(0.1),
  },
  {
    title: 'Errors by type',
    description:
      'timeout and connection: the network or an overloaded Redis. auth, readonly, oom, loading, cluster: Redis refuses, and says so in its log. undecodable: a release or another program wrote what this one cannot read.',
    unit: 'ops',
    queries: [[rate('redis_cache_errors_total', ['error_type']), `${CACHE} {{error_type}}`]],
  },
]

const loads: Row = [
  {
    title: 'Loads by result',
    description: 'Runs of the loader a second. error and timeout: the origin fails, whatever the cache does about it.',
    unit: 'ops',
    queries: [[rate('redis_cache_load_duration_seconds_count', ['result']), `${CACHE} {{result}}`]],
    width: 8,
  },
  {
    title: 'Duration of loads',
    description: 'p50 and p95 of the loader: what a miss costs, and what a hit saves.',
    unit: 's',
    queries: [
      [histogramQuantile(0.5, 'redis_cache_load_duration_seconds'), `${CACHE} p50`],
      [histogramQuantile(0.95, 'redis_cache_load_duration_seconds'), `${CACHE} p95`],
    ],
    width: 8,
  },
  {
    title: 'Coalesced callers',
    description:
      "Callers a second that waited for another's load, in their process or in the fleet: loads that the origin was spared. Peaks are hot keys that expire; earlyRefresh or staleWhileRevalidate flattens them.",
    unit: 'reqps',
    queries: [[rate('redis_cache_coalesced_total', ['scope']), `${CACHE} {{scope}}`]],
    width: 8,
  },
]

const trust: Row = [
  {
    title: 'Stale hits by reason',
    description:
      'revalidating is as asked for. error and timeout: the origin fails, and staleIfError hides it from callers. unavailable: Redis could not verify what memory holds.',
    unit: 'reqps',
    queries: [[rate('redis_cache_stale_total', ['reason']), `${CACHE} {{reason}}`]],
    width: 8,
  },
  {
    title: 'Proof age',
    description:
      'Age of the last proof that memory is right, of the worst process. Above maxStaleness (2 s) the invalidation channel is broken, and memory answers only what it has itself just read: slower, not wrong. It grows for ever where Redis offers no channel.',
    unit: 's',
    queries: [[gauge('max', 'redis_cache_proof_age_seconds'), CACHE]],
    thresholds: above(2),
    width: 8,
  },
  {
    title: 'Invalidations',
    description: 'Keys a second that the invalidation channel named: changed in Redis by anybody, this fleet included.',
    unit: 'ops',
    queries: [[rate('redis_cache_invalidations_total'), CACHE]],
    width: 8,
  },
]

const redis: Row = [
  {
    kind: 'states',
    title: 'Circuit breaker',
    description:
      'Of the worst process. Open: Redis failed ten times in a row and is not asked until it answers a PING; lookups beyond memory are misses.',
    unit: 'none',
    queries: [[gauge('max', 'redis_cache_circuit_state'), CACHE]],
    states: [
      ['closed', 'green'],
      ['half-open', 'orange'],
      ['open', 'red'],
    ],
  },
  {
    title: 'Operations skipped',
    description: 'Redis operations a second that were not tried because the breaker was open.',
    unit: 'ops',
    queries: [[rate('redis_cache_skipped_total', ['operation']), `${CACHE} {{operation}}`]],
  },
  {
    title: 'Unconfirmed deletes',
    description:
      'Deletes that Redis has not confirmed, over all processes. They are replayed when Redis is back, and lost when a process ends: restart none while this is above 0.',
    unit: 'short',
    queries: [[gauge('sum', 'redis_cache_unconfirmed'), CACHE]],
    thresholds: above(1),
  },
  {
    title: 'p95 by operation',
    description: 'A clear with purge and a batch take longer than a get; a set longer than a get of the same key.',
    unit: 's',
    queries: [[operationQuantile(0.95, ['operation']), `${CACHE} {{operation}}`]],
  },
  {
    title: 'Bytes moved',
    description:
      'Stored values read from and written to Redis, a second. Where it nears what the network carries: compression, or smaller values.',
    unit: 'Bps',
    queries: [[rate('redis_cache_bytes_total', ['direction']), `${CACHE} {{direction}}`]],
    width: 24,
  },
]

const memory: Row = [
  {
    title: 'Entries in memory',
    description: 'Over all processes, each of which has a memory of its own.',
    unit: 'short',
    queries: [[gauge('sum', 'redis_cache_memory_entries'), CACHE]],
    width: 6,
  },
  {
    title: 'Bytes in memory',
    description: 'As the codec encodes them, over all processes; the heap takes more.',
    unit: 'bytes',
    queries: [[gauge('sum', 'redis_cache_memory_bytes'), CACHE]],
    width: 6,
  },
  {
    title: 'Evictions by reason',
    description:
      'size: memory is full; give it more where the hits in memory are few. invalidated: keys are changed. expired: lifetimes end.',
    unit: 'ops',
    queries: [[rate('redis_cache_evictions_total', ['reason']), `${CACHE} {{reason}}`]],
    width: 6,
  },
  {
    title: 'Not taken into memory',
    description: 'Entries a second that memory left out, because their keys are changed more often than asked for.',
    unit: 'ops',
    queries: [[rate('redis_cache_bypassed_total'), CACHE]],
    width: 6,
  },
]

const port: Row = [
  {
    title: 'Scrapes by status',
    description:
      '401 and 429: somebody has wrong credentials. 503: a collection failed, and diag of the process says why.',
    unit: 'ops',
    queries: [
      [
        'sum by (job, code) (rate(otel_cache_exporter_scrapes_total{job=~"$job"}[$__rate_interval]))',
        '{{job}} {{code}}',
      ],
    ],
  },
  {
    title: 'Duration of scrapes',
    description: 'p95. Prometheus gives up at its scrape_timeout, the port shortly before it.',
    unit: 's',
    queries: [
      [
        'histogram_quantile(0.95, sum by (job, le) (rate(otel_cache_exporter_scrape_duration_seconds_bucket{job=~"$job"}[$__rate_interval])))',
        '{{job}}',
      ],
    ],
  },
]

/** From top to bottom: how the cache does, then why. */
export const rows: ReadonlyArray<readonly [title: string, panels: Row]> = [
  ['Overview', overview],
  ['Loads', loads],
  ['Staleness and trust', trust],
  ['Redis', redis],
  ['Memory', memory],
  ['Metrics port', port],
]

/** Selects what the dashboard's variables name; Grafana puts their values in. */
const CHOSEN = 'job=~"$job", cache=~"$cache"'

/** The selector of one metric, with further matchers. */
function selected(metric: string, matchers = ''): string {
  return `${metric}{${CHOSEN}${matchers && `, ${matchers}`}}`
}

/** Events a second, for each job, cache and further label. */
export function rate(metric: string, labels: readonly string[] = [], matchers = ''): string {
  return `${byCache('sum', labels)} (rate(${selected(metric, matchers)}[$__rate_interval]))`
}

/** A gauge over all processes, for each job and cache. */
export function gauge(together: 'sum' | 'max', metric: string): string {
  return `${byCache(together)} (${selected(metric)})`
}

/** A quantile in seconds, of whichever of the two histograms of the operations is kept. */
export function operationQuantile(quantile: number, labels: readonly string[] = [], matchers = ''): string {
  const seconds = histogramQuantile(quantile, 'redis_cache_operation_duration_seconds', labels, matchers)
  const milliseconds = histogramQuantile(quantile, 'redis_cache_latency_ms', labels, matchers)
  return `${seconds} or ${milliseconds} / 1000`
}

export function histogramQuantile(
  quantile: number,
  histogram: string,
  labels: readonly string[] = [],
  matchers = '',
): string {
  return `histogram_quantile(${quantile}, ${rate(`${histogram}_bucket`, [...labels, 'le'], matchers)})`
}

/** Never by `otel_scope_*`, which changes with releases. */
function byCache(operator: string, labels: readonly string[] = []): string {
  return `${operator} by (${['job', 'cache', ...labels].join(', ')})`
}

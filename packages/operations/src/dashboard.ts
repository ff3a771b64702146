import {
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { DATASOURCE, panel } from './panel.js'
import { rows } from './rows.js'

const GUIDE = 'https://github.com/otel-cache/otel-cache/blob/main/docs/monitoring.md'

/** In Grafana's classic form, which every living version imports. */
export function dashboard(): Dashboard {
  const builder = new DashboardBuilder('Cache (otel-cache)')
    .uid('otel-cache')
    .description(`What @otel-cache/core reports. The alerts and what to do about them: ${GUIDE}`)
    .tags(['cache', 'redis', 'opentelemetry'])
    .timezone('browser')
    .time({ from: 'now-1h', to: 'now' })
    .refresh('30s')
    .tooltip(DashboardCursorSync.Crosshair)
    .link(new DashboardLinkBuilder('What to do').type(DashboardLinkType.Link).url(GUIDE).targetBlank(true))
    .withVariable(new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'))
    .withVariable(choice('job', 'Job', 'redis_cache_misses_total'))
    .withVariable(choice('cache', 'Cache', 'redis_cache_misses_total{job=~"$job"}'))
  for (const [title, specs] of rows) {
    builder.withRow(new RowBuilder(title))
    for (const spec of specs) builder.withPanel(panel(spec))
  }
  const built = builder.build()
  built.panels?.forEach((one, index) => {
    one.id = index + 1
  })
  return built
}

/** A variable with the values that a label has, all of them by default. */
function choice(label: string, title: string, selector: string): QueryVariableBuilder {
  const query = `label_values(${selector}, ${label})`
  return new QueryVariableBuilder(label)
    .label(title)
    .datasource(DATASOURCE)
    .query(query)
    .definition(query)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc)
    .multi(true)
    .includeAll(true)
    .allValue('.+')
    .current({ selected: true, text: ['All'], value: ['$__all'] })
}

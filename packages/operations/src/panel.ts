import type { Builder } from '@grafana/grafana-foundation-sdk/cog'
import {
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  ReduceDataOptionsBuilder,
  VizLegendOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common'
import {
  MappingType,
  type Panel,
  type Threshold,
  ThresholdsConfigBuilder,
  ThresholdsMode,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus'
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat'
import { PanelBuilder as StateTimelineBuilder } from '@grafana/grafana-foundation-sdk/statetimeline'
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries'

/** What one panel shows. */
export interface PanelSpec {
  /** `figure`: the last value, large. `states`: bands of named states. Default: lines over time. */
  readonly kind?: 'figure' | 'states'
  readonly title: string
  /** What it means, and what to do about it. */
  readonly description: string
  /** Grafana's id of a unit, such as `reqps`. */
  readonly unit: string
  /** Each PromQL expression, and the legend of its series. */
  readonly queries: ReadonlyArray<readonly [expression: string, legend: string]>
  /** Colours from a value on. Default: green. */
  readonly thresholds?: readonly Threshold[]
  /** Of the 24 columns. Default: 12, a figure 6. */
  readonly width?: number
  /** Of the axis. Default: the data's. */
  readonly max?: number
  /** The names and colours of 0, 1 and so on. */
  readonly states?: ReadonlyArray<readonly [text: string, color: string]>
}

/** The data source that the dashboard's variable names. */
export const DATASOURCE = { type: 'prometheus', uid: `\${datasource}` }

/** Bad from this value on. */
export function above(value: number): Threshold[] {
  return [
    { value: null, color: 'green' },
    { value, color: 'red' },
  ]
}

/** Bad under the first value, good from the second on. */
export function below(bad: number, good: number): Threshold[] {
  return [
    { value: null, color: 'red' },
    { value: bad, color: 'orange' },
    { value: good, color: 'green' },
  ]
}

export function panel(spec: PanelSpec): Builder<Panel> {
  const { title, description, unit, queries, states = [], kind } = spec
  // Grafana's own default would be red from 80 on.
  const thresholds = spec.thresholds ?? [{ value: null, color: 'green' }]
  const builder = (kind === 'figure' ? figure() : kind === 'states' ? new StateTimelineBuilder() : chart(spec))
    .title(title)
    .description(description)
    .datasource(DATASOURCE)
    .unit(unit)
    .span(spec.width ?? (kind === 'figure' ? 6 : 12))
    .height(kind === 'figure' ? 4 : 8)
    .thresholds(new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps([...thresholds]))
  for (const [index, [expression, legend]] of queries.entries()) {
    const refId = String.fromCharCode('A'.charCodeAt(0) + index)
    builder.withTarget(new DataqueryBuilder().expr(expression).legendFormat(legend).range().exemplar(true).refId(refId))
  }
  const options = Object.fromEntries(states.map(([text, color], value) => [value, { text, color, index: value }]))
  return states.length === 0 ? builder : builder.mappings([{ type: MappingType.ValueToText, options }])
}

function figure(): StatBuilder {
  return new StatBuilder().reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']))
}

function chart({ max, thresholds }: PanelSpec): TimeseriesBuilder {
  const builder = new TimeseriesBuilder().min(0).legend(new VizLegendOptionsBuilder().showLegend(true))
  if (max !== undefined) builder.max(max)
  const line = new GraphThresholdsStyleConfigBuilder().mode(GraphThresholdsStyleMode.Dashed)
  return thresholds === undefined ? builder : builder.thresholdsStyle(line)
}

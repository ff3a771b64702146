import { type Attributes, diag } from '@opentelemetry/api'
import { DataPointType, type MetricData, type ResourceMetrics, type ScopeMetrics } from '@opentelemetry/sdk-metrics'
import type { ExemplarSource } from '../exemplars.js'
import { classicBuckets } from './exponential.js'
import type { Families, Family, HistogramValue } from './family.js'
import { Labels } from './labels.js'
import { counterName, metricName } from './name.js'
import { addFamily, addValue } from './sum.js'

export interface TranslatorOptions {
  readonly withoutScopeInfo: boolean
  readonly withoutTargetInfo: boolean
  readonly exemplars: ExemplarSource
  /** Labels of what cannot be added up over processes. */
  readonly gaugeLabels: Attributes
}

type Scope = ScopeMetrics['scope']

interface ScopeLabels {
  readonly added: Labels
  readonly gauges: Labels
}

/** Turns what the SDK collected into Prometheus's families, by OpenTelemetry's compatibility specification. */
export class Translator {
  readonly #options: TranslatorOptions
  readonly #labels = new WeakMap<Scope, ScopeLabels>()
  readonly #complained = new Set<string>()

  constructor(options: TranslatorOptions) {
    this.#options = options
  }

  families({ resource, scopeMetrics }: ResourceMetrics): Families {
    const families: Families = new Map()
    if (!this.#options.withoutTargetInfo) {
      const series = new Map([[new Labels().of(resource.attributes), 1]])
      families.set('target_info', { type: 'info', name: 'target_info', help: 'Target metadata', unit: '', series })
    }
    for (const { scope, metrics } of scopeMetrics) {
      const labels = this.#labelsOf(scope)
      for (const metric of metrics) this.#add(families, metric, labels)
    }
    return families
  }

  #labelsOf(scope: Scope): ScopeLabels {
    let labels = this.#labels.get(scope)
    if (labels === undefined) {
      const constant = this.#options.withoutScopeInfo ? {} : scopeAttributes(scope)
      labels = { added: new Labels(constant), gauges: new Labels({ ...constant, ...this.#options.gaugeLabels }) }
      this.#labels.set(scope, labels)
    }
    return labels
  }

  #add(families: Families, metric: MetricData, { added, gauges }: ScopeLabels): void {
    const { name: instrument, description: help, unit } = metric.descriptor
    const type = familyType(metric)
    const legal = metricName(instrument)
    const name = type === 'counter' ? counterName(legal) : legal
    const family: Family = { type, name, help, unit, series: new Map() }
    const labels = type === 'gauge' ? gauges : added
    for (const { attributes, value } of metric.dataPoints) {
      const known = typeof value === 'number' ? undefined : this.#options.exemplars(instrument, attributes)
      const exemplars = known === undefined ? NONE : Array.from(known)
      addValue(family, labels.of(attributes), typeof value === 'number' ? value : histogram(value, exemplars))
    }
    if (!addFamily(families, family)) this.#complain(instrument, name)
  }

  /** Once for each metric: scrapes come every few seconds. */
  #complain(instrument: string, name: string): void {
    if (this.#complained.has(instrument)) return
    this.#complained.add(instrument)
    const why = `the metric ${instrument} is not served: ${name} is already another one of another type`
    diag.warn(`otel-cache: ${why} [OTEL_CACHE_METRIC_NOT_SERVED]`)
  }
}

const NONE: readonly never[] = []

function familyType(metric: MetricData): Family['type'] {
  switch (metric.dataPointType) {
    case DataPointType.SUM:
      return metric.isMonotonic ? 'counter' : 'updowncounter'
    case DataPointType.GAUGE:
      return 'gauge'
    default:
      return 'histogram'
  }
}

type Measured = Exclude<MetricData['dataPoints'][number]['value'], number>

function histogram(value: Measured, exemplars: HistogramValue['exemplars']): HistogramValue {
  const { sum } = value
  if ('scale' in value) return { ...classicBuckets(value), sum, exemplars }
  return { bounds: value.buckets.boundaries, counts: value.buckets.counts, sum, exemplars }
}

function scopeAttributes({ name, version, schemaUrl }: Scope): Attributes {
  return {
    'otel.scope.name': name,
    ...(version && { 'otel.scope.version': version }),
    ...(schemaUrl && { 'otel.scope.schema_url': schemaUrl }),
  }
}

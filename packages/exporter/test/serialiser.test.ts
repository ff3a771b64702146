import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Attributes } from '@opentelemetry/api'
import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus'
import { AggregationType, MeterProvider, MetricReader, type ViewOptions } from '@opentelemetry/sdk-metrics'
import { describe, expect, test } from 'vitest'
import { Translator, type TranslatorOptions } from '../src/exposition/translator.js'
import { type Format, write } from '../src/exposition/write.js'
import { recordDiag } from './helpers.js'

class Reader extends MetricReader {
  protected async onShutdown() {}
  protected async onForceFlush() {}
}

function setUp(options: Partial<TranslatorOptions> = {}, views: ViewOptions[] = []) {
  const reader = new Reader()
  const provider = new MeterProvider({ readers: [reader], views })
  const defaults = { withoutScopeInfo: true, withoutTargetInfo: true, exemplars: () => undefined, gaugeLabels: {} }
  const translator = new Translator({ ...defaults, ...options })
  const collected = async () => (await reader.collect()).resourceMetrics
  const text = async (format: Format) =>
    Buffer.from(write(translator.families(await collected()).values(), format)).toString()
  return { provider, meter: provider.getMeter('shop', '1'), collected, text }
}

/** Bounds that differ in how JavaScript and Go write them. */
const BOUNDS = [0.00001, 0.05, 1, 2.5, 1_000_000]

/** Some of everything. */
function fill({ provider, meter }: Pick<ReturnType<typeof setUp>, 'provider' | 'meter'>): void {
  meter
    .createCounter('orders_total', { description: 'Orders.\nAll "of" C:\\', unit: '{order}' })
    .add(3, { country: 'é\n"\\' })
  meter.createCounter('requests').add(1)
  meter.createUpDownCounter('open', { description: 'Open ones.' }).add(-2, { shop: true, numbers: [1, 2] })
  meter.createGauge('temperature').record(Number.POSITIVE_INFINITY, { room: 'a' })
  const advice = { explicitBucketBoundaries: BOUNDS }
  const histogram = meter.createHistogram('duration_seconds', { description: 'How long.', unit: 's', advice })
  for (const value of [0.00001, 0.5, 1, 7, 2e6]) histogram.record(value, { operation: 'get' })
  histogram.record(1)
  provider.getMeter('other').createCounter('orders_total').add(1, { country: 'fr' })
}

function promtool(args: readonly string[], input = '') {
  const { status, stdout, stderr } = spawnSync('promtool', args, { input, encoding: 'utf8' })
  return { status, output: stdout + stderr }
}

/** What `promtool` objects to in the text format. */
function lint(text: string): string {
  return promtool(['check', 'metrics'], text).output
}

/** What `promtool` objects to in OpenMetrics. It reads that format for backfilling alone, where samples have a time. */
function lintOpenMetrics(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'otel-cache-openmetrics-'))
  try {
    const file = join(folder, 'metrics')
    writeFileSync(file, text.replace(/^([^#].*? [^ ]+)(?= #|$)/gm, '$1 1700000000'))
    const { status, output } = promtool(['tsdb', 'create-blocks-from', 'openmetrics', file, join(folder, 'blocks')])
    return status === 0 ? '' : output
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Samples with sorted labels: the order of labels and of lines says nothing. */
function samples(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, name, labels = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
      return `${name} ${[...labels.matchAll(/\w+="(?:\\.|[^"\\])*"/g)].map(String).sort()} ${value}`
    })
    .sort()
}

describe('beside the stock serialiser', () => {
  test('the text format has the same samples and types, of the same data', async () => {
    const set = setUp({ withoutScopeInfo: false, withoutTargetInfo: false })
    fill(set)
    const stock = new PrometheusSerializer().serialize(await set.collected())
    const ours = await set.text('text')
    expect(samples(ours)).toEqual(samples(stock))
    const types = (text: string) => new Set(text.match(/^# TYPE .*/gm))
    expect(types(ours)).toEqual(types(stock))
  })
})

describe('promtool', () => {
  test('reads the text format', async () => {
    const set = setUp()
    fill(set)
    expect(lint(await set.text('text'))).not.toMatch(/error|pars|duplicate|collected before/i)
  })

  test('reads OpenMetrics', async () => {
    const exemplars = () => [
      { value: 0.5, traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), timestamp: 1_700_000_000_123 },
    ]
    const set = setUp({ exemplars })
    fill(set)
    expect(lintOpenMetrics(await set.text('openmetrics'))).toBe('')
  })

  test('would object to OpenMetrics that is wrong', () => {
    expect(lintOpenMetrics('# TYPE a counter\na_total{b="c",b} 1\n# EOF\n')).not.toBe('')
  })
})

test('OpenMetrics, as the specification has it', async () => {
  const set = setUp()
  fill(set)
  expect(await set.text('openmetrics')).toBe(`# TYPE orders counter
# HELP orders Orders.\\nAll \\"of\\" C:\\\\
orders_total{country="é\\n\\"\\\\"} 3
orders_total{country="fr"} 1
# TYPE requests counter
requests_total 1
# TYPE open gauge
# HELP open Open ones.
open{numbers="[1,2]",shop="true"} -2
# TYPE temperature gauge
temperature{room="a"} +Inf
# TYPE duration_seconds histogram
# UNIT duration_seconds seconds
# HELP duration_seconds How long.
duration_seconds_bucket{operation="get",le="1e-05"} 1
duration_seconds_bucket{operation="get",le="0.05"} 1
duration_seconds_bucket{operation="get",le="1.0"} 3
duration_seconds_bucket{operation="get",le="2.5"} 3
duration_seconds_bucket{operation="get",le="1e+06"} 4
duration_seconds_bucket{operation="get",le="+Inf"} 5
duration_seconds_sum{operation="get"} 2000008.50001
duration_seconds_count{operation="get"} 5
duration_seconds_bucket{le="1e-05"} 0
duration_seconds_bucket{le="0.05"} 0
duration_seconds_bucket{le="1.0"} 1
duration_seconds_bucket{le="2.5"} 1
duration_seconds_bucket{le="1e+06"} 1
duration_seconds_bucket{le="+Inf"} 1
duration_seconds_sum 1
duration_seconds_count 1
# EOF
`)
})

test('target_info is an info in OpenMetrics, a gauge in the text format', async () => {
  const { text } = setUp({ withoutTargetInfo: false })
  expect(await text('openmetrics')).toMatch(/^# TYPE target info\n# HELP target .*\ntarget_info\{.*\} 1\n# EOF\n$/)
  expect(await text('text')).toMatch(/^# HELP target_info .*\n# TYPE target_info gauge\ntarget_info\{.*\} 1\n$/)
})

describe('labels', () => {
  const cases: Array<[Attributes, string]> = [
    [{ 'a.b': 2, a_b: 'x' }, 'a_b="2;x"'],
    [{ a_b: 'x', 'a.b': 2 }, 'a_b="2;x"'],
    [{ le: '1' }, 'exported_le="1"'],
    [{ '1st': 'x' }, 'key_1st="x"'],
    [{ '': 'x' }, '_="x"'],
    [{ 'größe…': 'x' }, 'gr_e_="x"'],
    [{ __name__: 'x' }, '_name_="x"'],
    [{ 'otel.scope.name': 'mine' }, 'otel_scope_name="mine;shop"'],
    [{ b: 1, a: 2 }, 'a="2",b="1"'],
    [{ list: ['a', 'b'], none: undefined }, 'list="[\\"a\\",\\"b\\"]",none=""'],
  ]
  test.each(cases)('%j', async (attributes, expected) => {
    const set = setUp({ withoutScopeInfo: !expected.includes('otel_scope') })
    set.meter.createHistogram('h', { advice: { explicitBucketBoundaries: [1] } }).record(1, attributes)
    set.meter.createCounter('c').add(1, attributes)
    const text = await set.text('text')
    expect(text).toContain(`c_total{${expected}`)
    expect(text).toContain(`h_bucket{${expected}`)
    expect(lint(text)).not.toMatch(/error|pars|duplicate|collected before/i)
    expect(lintOpenMetrics(await set.text('openmetrics'))).toBe('')
  })

  test('that become the same make one series', async () => {
    const { meter, text } = setUp()
    const counter = meter.createCounter('c')
    counter.add(1, { 'a.b': 1 })
    counter.add(2, { a_b: 1 })
    expect(await text('text')).toContain('c_total{a_b="1"} 3\n')
  })
})

describe('names', () => {
  test('two scopes with one metric make one family', async () => {
    const { provider, text } = setUp({ withoutScopeInfo: false })
    for (const scope of ['a', 'b']) provider.getMeter(scope).createCounter('c', { description: 'C.' }).add(1)
    expect(await text('text')).toBe(`# HELP c_total C.
# TYPE c_total counter
c_total{otel_scope_name="a"} 1
c_total{otel_scope_name="b"} 1
`)
  })

  test('of two types under one name the first is served, the other told once', async () => {
    const { warn } = recordDiag()
    const { provider, text } = setUp()
    provider.getMeter('a').createGauge('a.b').record(1)
    provider.getMeter('b').createHistogram('a_b').record(1)
    expect(await text('text')).toBe('# TYPE a_b gauge\na_b 1\n')
    await text('text')
    expect(warn).toHaveBeenCalledOnce()
    expect(warn).toHaveBeenCalledWith(
      expect.stringMatching(/the metric a_b is not served.*\[OTEL_CACHE_METRIC_NOT_SERVED\]$/),
    )
  })
})

describe('an exponential histogram', () => {
  const views: ViewOptions[] = [
    {
      instrumentName: '*',
      aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM, options: { recordMinMax: true } },
    },
  ]

  function buckets(text: string): Array<[bound: number, count: number]> {
    const lines = text.matchAll(/_bucket\{le="(.*)"\} (\d+)/g)
    return Array.from(lines, ([, le, count]) => [Number(le?.replace('Inf', 'Infinity')), Number(count)])
  }

  test('has classic buckets that hold what was measured', async () => {
    const { meter, text } = setUp({}, views)
    const histogram = meter.createHistogram('h')
    const values = Array.from({ length: 500 }, (_, index) => (index * 7919) % 1_009)
    for (const value of values) histogram.record(value)
    const written = await text('text')
    const found = buckets(written)
    expect(found.length).toBeGreaterThan(15)
    for (const [bound, count] of found) expect(count).toBe(values.filter((value) => value <= bound).length)
    expect(written).toContain(`h_sum ${values.reduce((sum, value) => sum + value, 0)}\nh_count 500\n`)
    expect(lint(written)).not.toMatch(/error|pars/i)
    expect(lintOpenMetrics(await text('openmetrics'))).toBe('')
  })

  test('keeps its bounds while the SDK makes its own coarser', async () => {
    const { meter, text } = setUp({}, views)
    const histogram = meter.createHistogram('h')
    for (const value of [1, 1.1, 3]) histogram.record(value)
    const before = buckets(await text('text')).map(([bound]) => bound)
    for (const value of [0.001, 5_000]) histogram.record(value)
    const after = buckets(await text('text')).map(([bound]) => bound)
    expect(after).toEqual(expect.arrayContaining(before))
    expect(after.length).toBeGreaterThan(before.length)
  })

  test('of measurements below zero', async () => {
    const { meter, text } = setUp({}, views)
    const updown = meter.createUpDownCounter('h')
    for (const value of [-3, -1.2, 0, 0, 1.2, 3]) updown.add(value)
    const found = buckets(await text('text'))
    expect(found.map(([bound]) => bound)).toEqual(found.map(([bound]) => bound).sort((a, b) => a - b))
    expect(found.find(([bound]) => bound === 0)).toEqual([0, 4])
    expect(found.find(([bound]) => bound === -2)).toEqual([-2, 1])
    expect(found.at(-1)).toEqual([Number.POSITIVE_INFINITY, 6])
    // Without a sum OpenMetrics wants no count either.
    expect(await text('openmetrics')).not.toMatch(/_sum|_count/)
    expect(lintOpenMetrics(await text('openmetrics'))).toBe('')
  })
})

describe('exemplars', () => {
  const attributes = { operation: 'get' }
  const exemplar = (value: number, traceId: string, timestamp = 1_500) => ({ value, traceId, spanId: 's', timestamp })

  function setUpWith(...exemplars: ReturnType<typeof exemplar>[]) {
    const set = setUp({
      exemplars: (metric, asked) => (metric === 'h.x' && asked === attributes ? exemplars : undefined),
    })
    set.meter.createHistogram('h.x', { advice: { explicitBucketBoundaries: [1, 2] } }).record(1, attributes)
    set.meter.createHistogram('other').record(1, attributes)
    return set
  }

  test('stand on the bucket that they fall in, the newest of each', async () => {
    const { text } = setUpWith(exemplar(1, 'a'), exemplar(0.5, 'b', 2_000), exemplar(7, 'c"'))
    const written = await text('openmetrics')
    expect(written).toContain(`h_x_bucket{operation="get",le="1.0"} 1 # {trace_id="b",span_id="s"} 0.5 2
h_x_bucket{operation="get",le="2.0"} 1
h_x_bucket{operation="get",le="+Inf"} 1 # {trace_id="c\\"",span_id="s"} 7 1.5
`)
    expect(written.match(/ # /g)).toHaveLength(2)
  })

  test('are not in the text format, which has none', async () => {
    expect(await setUpWith(exemplar(1, 'a')).text('text')).not.toContain(' # ')
  })
})

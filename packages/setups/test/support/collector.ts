import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { type Metric, Metrics } from './metrics.js'

export interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string
  readonly name: string
  readonly kind: number
  /** Whose span it is: the name of the instrumentation scope. */
  readonly scope: string
  readonly attributes: Readonly<Record<string, unknown>>
  readonly links: ReadonlyArray<{ readonly traceId: string; readonly spanId: string }>
}

/** A stand-in for an OpenTelemetry Collector: takes OTLP over HTTP as JSON and keeps what it is told. */
export interface Collector {
  readonly url: string
  readonly spans: readonly Span[]
  readonly metrics: Metrics
  stop(): Promise<void>
}

export async function startCollector(): Promise<Collector> {
  const spans: Span[] = []
  const metrics = new Metrics()
  const server = createServer(async (request, response) => {
    const told = (await json(request)) as Told
    for (const { scopeSpans } of told.resourceSpans ?? []) {
      for (const { scope, spans: some } of scopeSpans) spans.push(...some.map((span) => readSpan(span, scope.name)))
    }
    if (told.resourceMetrics) {
      metrics.add(told.resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics)))
    }
    response.setHeader('content-type', 'application/json').end('{}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    spans,
    metrics,
    stop: async () => {
      server.close()
      server.closeAllConnections()
    },
  }
}

type ToldSpan = Omit<Span, 'scope' | 'attributes' | 'parentSpanId' | 'links'> & {
  readonly parentSpanId?: string
  readonly links?: Span['links']
  readonly attributes?: ReadonlyArray<{ readonly key: string; readonly value: Readonly<Record<string, unknown>> }>
}

interface Told {
  readonly resourceSpans?: ReadonlyArray<{
    readonly scopeSpans: ReadonlyArray<{ readonly scope: { readonly name: string }; readonly spans: ToldSpan[] }>
  }>
  readonly resourceMetrics?: ReadonlyArray<{
    readonly scopeMetrics: ReadonlyArray<{ readonly metrics: readonly Metric[] }>
  }>
}

function readSpan({ attributes = [], parentSpanId = '', links = [], ...span }: ToldSpan, scope: string): Span {
  const entries = attributes.map(({ key, value }) => [key, Object.values(value)[0]])
  return { ...span, parentSpanId, links, scope, attributes: Object.fromEntries(entries) }
}

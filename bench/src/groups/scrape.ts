import { EventEmitter } from 'node:events'
import { IncomingMessage, type ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import { createPrometheusReader } from '@otel-cache/exporter'
import type { Case, Group, Operation } from '../group.js'

const SERIES = 2_000
/** Of the contract, in nanoseconds. */
const LIMIT = 15e6
const BOUNDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000]

const NOTHING = 'no series'
const STOCK = 'histograms, stock'
const STOCK_COUNTERS = 'counters, stock'

/** A scrape from the request to the bytes of its answer, without a network, beside the stock exporter's. */
export const scrape: Group = {
  name: 'scrape',
  cases: [
    caseOf(NOTHING, ours, 0, 'counters'),
    caseOf('counters', ours, SERIES, 'counters'),
    caseOf('histograms', ours, SERIES, 'histograms'),
    caseOf('histograms, OpenMetrics', ours, SERIES, 'histograms', 'application/openmetrics-text'),
    caseOf(STOCK_COUNTERS, stock, SERIES, 'counters'),
    caseOf(STOCK, stock, SERIES, 'histograms'),
  ],
  figures: [
    ...['counters', 'histograms', 'histograms, OpenMetrics'].map(
      (subject) => ({ subject, floor: NOTHING, kind: 'added', bound: { limit: LIMIT } }) as const,
    ),
    { subject: 'counters', floor: STOCK_COUNTERS, kind: 'throughput' },
    { subject: 'histograms', floor: STOCK, kind: 'throughput' },
  ],
}

function caseOf(
  name: string,
  exporterOf: () => PrometheusExporter,
  series: number,
  kind: 'counters' | 'histograms',
  accept?: string,
): Case {
  return {
    name,
    awaited: true,
    warmAfter: 50,
    prepare() {
      const exporter = exporterOf()
      const meter = new MeterProvider({ readers: [exporter] }).getMeter('bench')
      const counter = meter.createCounter('bench_total')
      const histogram = meter.createHistogram('bench_ms', { advice: { explicitBucketBoundaries: BOUNDS } })
      for (let id = 0; id < series; id++) {
        const attributes = { cache: `cache-${id}`, operation: 'get', region: 'eu' }
        if (kind === 'counters') counter.add(id, attributes)
        else histogram.record(id, attributes)
      }
      return scrapesOf(exporter, accept)
    },
  }
}

function ours(): PrometheusExporter {
  return createPrometheusReader({ preventServerStart: true })
}

function stock(): PrometheusExporter {
  return new PrometheusExporter({ preventServerStart: true })
}

/** Requests that come from nowhere, and answers that go no further than their bytes. */
function scrapesOf(exporter: PrometheusExporter, accept: string | undefined): Operation {
  const request = new IncomingMessage(new Socket())
  request.method = 'GET'
  if (accept !== undefined) request.headers.accept = accept
  return () =>
    new Promise((resolve) => {
      const response = Object.assign(new EventEmitter(), {
        setHeader: () => {},
        writeHead: () => response,
        end(body: string | Uint8Array) {
          resolve(Buffer.from(body))
          response.emit('close')
        },
      })
      exporter.getMetricsRequestHandler(request, response as unknown as ServerResponse)
    })
}

import { createRequire } from 'node:module'
import { context, type Span, SpanKind, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { IORedisInstrumentation } from '@opentelemetry/instrumentation-ioredis'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import type { Redis } from 'ioredis'
import { afterAll, beforeEach } from 'vitest'

/** What an application has that traces: a global provider, a context manager, instrumented ioredis. */
export class Traces {
  readonly #exporter = new InMemorySpanExporter()
  readonly provider: BasicTracerProvider = new BasicTracerProvider({
    spanProcessors: [new SimpleSpanProcessor(this.#exporter)],
  })
  readonly #instrumentation: IORedisInstrumentation

  constructor() {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
    trace.setGlobalTracerProvider(this.provider)
    // Without a parent, too: so that housekeeping that leaves spans is seen.
    this.#instrumentation = new IORedisInstrumentation({ requireParentSpan: false })
    this.#instrumentation.setTracerProvider(this.provider)
    this.#instrumentation.enable()
  }

  /** ioredis as an application gets it after its instrumentation. */
  get Redis(): typeof Redis {
    return createRequire(import.meta.url)('ioredis').Redis
  }

  /** Runs a request in a trace of its own. */
  async request<T>(name: string, run: (span: Span) => Promise<T>): Promise<T> {
    return this.provider.getTracer('application').startActiveSpan(name, { root: true }, async (span) => {
      try {
        return await run(span)
      } finally {
        span.end()
      }
    })
  }

  get all(): readonly ReadableSpan[] {
    return this.#exporter.getFinishedSpans()
  }

  /** The cache's own. */
  get calls(): readonly ReadableSpan[] {
    return this.all.filter(({ instrumentationScope }) => instrumentationScope.name === '@otel-cache/core')
  }

  /** Redis commands. */
  get commands(): readonly ReadableSpan[] {
    return this.all.filter(({ kind }) => kind === SpanKind.CLIENT)
  }

  named(name: string): ReadableSpan {
    const found = this.all.filter((span) => span.name === name)
    if (found.length !== 1) throw new Error(`${found.length} spans are called ${name}: ${this.all.map((s) => s.name)}`)
    return found[0] as ReadableSpan
  }

  reset(): void {
    this.#exporter.reset()
  }

  end(): void {
    this.#instrumentation.disable()
    trace.disable()
    context.disable()
  }
}

/** One for the tests of a file; each begins without spans. */
export function useTraces(): Traces {
  const traces = new Traces()
  beforeEach(() => traces.reset())
  afterAll(() => traces.end())
  return traces
}

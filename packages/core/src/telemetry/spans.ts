import {
  type Attributes,
  context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  type TracerProvider,
  trace,
} from '@opentelemetry/api'
import type { CallSpan } from '../call-span.js'
import { isCacheError } from '../errors.js'
import type { Failure, Outcome } from '../outcome.js'
import type { Milliseconds } from '../types.js'
import { VERSION } from '../version.js'
import { guarded } from './guarded.js'
import { SCOPE_NAME, SPAN_ATTRIBUTE } from './names.js'

/** In Sentry's words. */
export type SpanOperation = 'get' | 'put' | 'remove' | 'flush'

export interface SpanOptions {
  /** Of the cache. */
  readonly name: string
  readonly tracerProvider: TracerProvider | undefined
  /** What spans tell of a key; undefined, and none is told. */
  readonly spanKey: ((key: string) => string | undefined) | undefined
}

class GuardedSpan implements CallSpan {
  readonly span: Span
  #lookedUp = 0
  #bytes = 0
  #hits = 0

  constructor(span: Span) {
    this.span = span
  }

  lookedUp(outcome: Outcome): void {
    this.#lookedUp += 1
    if (outcome.result === 'hit') {
      this.#hits += 1
      this.#set({ [SPAN_ATTRIBUTE.tier]: outcome.tier, [SPAN_ATTRIBUTE.stale]: outcome.stale })
    } else {
      this.#set({ [SPAN_ATTRIBUTE.missReason]: outcome.reason })
    }
    this.#set({ [SPAN_ATTRIBUTE.hit]: this.#hits === this.#lookedUp })
  }

  redisFailed(failure: Failure): void {
    this.#set({ [SPAN_ATTRIBUTE.errorType]: failure })
  }

  unconfirmed(): void {
    guarded(() => this.span.setStatus({ code: SpanStatusCode.ERROR, message: 'not confirmed by Redis' }))
  }

  sized(bytes: number, ttl?: Milliseconds): void {
    this.#bytes += bytes
    this.#set({ [SPAN_ATTRIBUTE.itemSize]: this.#bytes })
    if (ttl !== undefined && Number.isFinite(ttl)) this.#set({ [SPAN_ATTRIBUTE.ttl]: Math.ceil(ttl / 1_000) })
  }

  linkTo(leader: CallSpan | undefined): void {
    if (leader === undefined || leader === this) return
    guarded(() => this.span.addLink({ context: leader.span.spanContext() }))
  }

  failed(error: unknown): void {
    guarded(() => {
      const { name, message } = toldOf(error)
      this.span.setStatus({ code: SpanStatusCode.ERROR, message })
      this.span.setAttribute(SPAN_ATTRIBUTE.errorType, name)
      // Our own messages name the key; its stack begins with the message.
      this.span.recordException(error instanceof Error && !isCacheError(error) ? error : { name, message })
    })
  }

  end(): void {
    guarded(() => this.span.end())
  }

  #set(attributes: Attributes): void {
    guarded(() => this.span.setAttributes(attributes))
  }
}

/** Work that goes on behind a caller's back, in a trace of its own. */
export interface Background {
  readonly span: CallSpan | undefined
  /** Runs what is to be in that trace. */
  run<T>(start: () => T): T
}

const UNTRACED: Background = { span: undefined, run: (start) => start() }

/**
 * Spans, under a recording parent only: who does not trace pays for one look at the active context, and memory hits not
 * even for that. A call is awaited in its span's context, so that loaders and Redis commands become its children.
 */
export class Spans {
  readonly #options: SpanOptions
  #provider: TracerProvider | undefined
  #tracer: Tracer | undefined

  constructor(options: SpanOptions) {
    this.#options = options
  }

  /** Whether a call made here and now gets a span. */
  get isTraced(): boolean {
    return recordingSpan() !== undefined
  }

  /** Runs a call that leaves memory, in a span of its own where its caller is traced. */
  call<T>(
    operation: SpanOperation,
    keys: readonly string[],
    run: (span: CallSpan | undefined) => Promise<T>,
  ): Promise<T> {
    const span = recorded(recordingSpan() && this.#start(operation, keys, undefined))
    return span === undefined
      ? run(undefined)
      : endedBy(
          span,
          within(span, () => run(span)),
        )
  }

  /** The trace of a refresh: a root, linked to the caller it was set off by. */
  background(keys: readonly string[]): Background {
    const parent = recordingSpan()
    if (parent === undefined) return UNTRACED
    // It leaves its caller's trace, also where the sampler does not want the new one.
    const started = this.#start('get', keys, parent)
    const place = started === undefined ? ROOT_CONTEXT : trace.setSpan(ROOT_CONTEXT, started)
    return { span: recorded(started), run: (start) => context.with(place, start) }
  }

  /** @param linked what a root is linked to; a child otherwise */
  #start(operation: SpanOperation, keys: readonly string[], linked: Span | undefined): Span | undefined {
    let span: Span | undefined
    guarded(() => {
      const { name } = this.#options
      const attributes = {
        [SPAN_ATTRIBUTE.operation]: operation,
        [SPAN_ATTRIBUTE.sentryOp]: `cache.${operation}`,
        [SPAN_ATTRIBUTE.name]: name,
        ...this.#keyAttributes(keys),
      }
      const place = linked === undefined ? {} : { root: true, links: [{ context: linked.spanContext() }] }
      const started = this.#resolve().startSpan(`cache.${operation} ${name}`, {
        kind: SpanKind.INTERNAL,
        attributes,
        ...place,
      })
      // One that cannot say who it is would hurt whoever finds it in the context.
      started.spanContext()
      started.isRecording()
      span = started
    })
    return span
  }

  #keyAttributes(keys: readonly string[]): Attributes {
    const { spanKey } = this.#options
    const size = keys.length > 1 ? { [SPAN_ATTRIBUTE.batchSize]: keys.length } : {}
    if (spanKey === undefined) return size
    const told = keys.map((key) => spanKey(key)).filter((key) => typeof key === 'string')
    return told.length === 0 ? size : { ...size, [SPAN_ATTRIBUTE.key]: told }
  }

  #resolve(): Tracer {
    const provider = this.#options.tracerProvider ?? trace.getTracerProvider()
    if (this.#tracer === undefined || provider !== this.#provider) {
      this.#tracer = provider.getTracer(SCOPE_NAME, VERSION)
      this.#provider = provider
    }
    return this.#tracer
  }
}

/** Ends the span when the call has ended, as it did. */
async function endedBy<T>(span: CallSpan, call: Promise<T>): Promise<T> {
  try {
    return await call
  } catch (error) {
    span.failed(error)
    throw error
  } finally {
    span.end()
  }
}

function toldOf(error: unknown): { name: string; message: string } {
  if (isCacheError(error)) return { name: error.name, message: error.code }
  if (error instanceof Error) return { name: error.name, message: error.message }
  return { name: typeof error, message: 'the call rejected' }
}

function within<T>({ span }: CallSpan, run: () => T): T {
  return context.with(trace.setSpan(context.active(), span), run)
}

function recorded(span: Span | undefined): CallSpan | undefined {
  return span?.isRecording() ? new GuardedSpan(span) : undefined
}

function recordingSpan(): Span | undefined {
  const span = trace.getActiveSpan()
  return span?.isRecording() ? span : undefined
}

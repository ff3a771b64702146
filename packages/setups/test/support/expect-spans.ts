import { expect } from 'vitest'
import type { Span } from './collector.js'
import { SECRET, type Visit } from './shop.js'

/** The numbers of OTLP. */
const INTERNAL = 1
const SERVER = 2

/** What ioredis sends for itself when it connects. */
const CLIENTS_OWN = new Set(['connect', 'hello', 'client', 'info'])

/** Each span is whose it should be, and where it should be. */
export function expectSpans({ collector: { spans } }: Visit, keysInCommands: boolean): void {
  const of = (scope: string) => spans.filter((span) => span.scope === scope)
  const calls = of('@otel-cache/core')
  const commands = of('@opentelemetry/instrumentation-ioredis')
  const byId = new Map(spans.map((span) => [span.spanId, span]))
  const parentOf = ({ parentSpanId }: Span) => byId.get(parentSpanId)
  const requests = of('@opentelemetry/instrumentation-http').filter(({ kind }) => kind === SERVER)
  const requestsOf = (path: string) => requests.filter((span) => String(span.attributes['url.path']).startsWith(path))
  const callsIn = (request: Span | undefined) => calls.filter((call) => call.parentSpanId === request?.spanId)

  // One INTERNAL span for each call that leaves memory, under the request that it was made in.
  const made = (path: string) => requestsOf(path).map((request) => callsIn(request).map(({ name }) => name))
  expect(made('/get/sessions/missing')).toEqual([['cache.get sessions']])
  expect(made('/set/sessions')).toEqual([['cache.put sessions']])
  expect(made('/many/sessions')).toEqual([['cache.get sessions']])
  expect(made('/load/products').sort()).toEqual([[], ['cache.get products']])
  expect(made('/held/products')).toEqual(Array(4).fill(['cache.get products']))
  expect(made('/load/prices')).toEqual([['cache.get prices']])
  expect(made('/delete/sessions')).toEqual([['cache.remove sessions']])
  for (const names of made('/get/sessions/known')) expect(names).toEqual(['cache.get sessions'])
  for (const path of ['/stats', '/release', '/metrics']) expect(made(path).flat(), path).toEqual([])
  for (const call of calls) expect(call.kind, call.name).toBe(INTERNAL)

  // None is anywhere else but the refresh behind a stale answer: a root, linked to who set it off.
  const others = calls.filter((call) => parentOf(call)?.kind !== SERVER)
  expect(others.map(({ name, parentSpanId }) => [name, parentSpanId])).toEqual([['cache.get prices', '']])
  const [refresh] = others as [Span]
  const [stale] = requestsOf('/load/prices').flatMap(callsIn) as [Span]
  expect(refresh.traceId).not.toBe(stale.traceId)
  expect(refresh.links.map(({ traceId, spanId }) => [traceId, spanId])).toEqual([[stale.traceId, stale.spanId]])

  // Who waited for another's load links to it.
  const sharers = requestsOf('/held').flatMap(callsIn)
  const leaders = sharers.filter(({ links }) => links.length === 0)
  expect(leaders).toHaveLength(1)
  for (const { links } of sharers.filter((call) => call !== leaders[0])) {
    expect(links.map(({ spanId }) => spanId)).toEqual([leaders[0]?.spanId])
  }

  // Loaders run in the call that they load for.
  const loading = of('database').map((query) => parentOf(query)?.spanId)
  const lead = requestsOf('/load/products').flatMap(callsIn)[0]
  expect(loading.sort()).toEqual([lead, leaders[0], refresh].map((call) => call?.spanId).sort())

  // Commands are in the call that sent them. Pings and replays are in no trace at all.
  for (const command of commands) {
    const parent = parentOf(command)
    const isOwn = parent === undefined && CLIENTS_OWN.has(command.name)
    expect(isOwn || parent?.scope, `${command.name} under ${parent?.name}`).toBe(isOwn || '@otel-cache/core')
    expect(command.name).not.toBe('ping')
    if (parent) expect(command.traceId).toBe(parent.traceId)
  }
  const sent = (call: Span | undefined) => commands.filter((command) => command.parentSpanId === call?.spanId)
  const lone = requestsOf('/get/sessions/missing').flatMap(callsIn)[0]
  expect(sent(lone).map(({ name }) => name)).toContain('mget')
  const removal = requestsOf('/delete').flatMap(callsIn)[0]
  expect(sent(removal).map(({ name }) => name)).toEqual(['del'])
  expect(sent(refresh).length).toBeGreaterThan(0)

  // The instrumentation of ioredis names keys unless told otherwise. The cache does not.
  const untold = [...calls, ...(keysInCommands ? [] : commands)]
  expect(JSON.stringify(untold)).not.toContain(SECRET)
  expect(JSON.stringify(commands).includes(SECRET)).toBe(keysInCommands)
}

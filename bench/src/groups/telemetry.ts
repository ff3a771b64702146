import type { Histogram } from '@opentelemetry/api'
import type { MeterProvider } from '@opentelemetry/sdk-metrics'
import type { CacheOptions } from '@otel-cache/core'
import type { Case, Figure, Group, Operation } from '../group.js'
import type { Stage } from '../stage.js'

/** So many readers, each of which the SDK keeps its own sums for, and which of the two histograms are kept. */
interface Setup {
  readonly name: string
  readonly readers: 1 | 2
  readonly histograms: 'both' | 'seconds'
}

const SETUPS: readonly Setup[] = [
  { name: 'one reader', readers: 1, histograms: 'both' },
  { name: 'two readers', readers: 2, histograms: 'both' },
  { name: 'one reader, seconds alone', readers: 1, histograms: 'seconds' },
]

const BARE = 'delete'

/** Of the contract, in nanoseconds: what is added beside the SDK's own records and two clock reads. */
const LIMIT = 50

/** The cheapest operation that is timed: the delete of a key that memory does not have. */
export const telemetry: Group = {
  name: 'telemetry',
  cases: [
    { name: BARE, awaited: true, prepare: (stage) => deleteOf(stage, undefined, 'both') },
    ...SETUPS.flatMap((setup): Case[] => [
      {
        name: `delete, ${setup.name}`,
        awaited: true,
        prepare: (stage) => deleteOf(stage, stage.meterProvider(setup.readers), setup.histograms),
      },
      { name: byHand(setup), awaited: true, prepare: (stage) => deleteByHand(stage, setup) },
    ]),
  ],
  figures: [
    ...SETUPS.map(
      (setup): Figure => ({
        subject: `delete, ${setup.name}`,
        floor: byHand(setup),
        kind: 'added',
        bound: { limit: LIMIT },
      }),
    ),
    { subject: 'delete, one reader', floor: BARE, kind: 'added' },
    { subject: 'delete, one reader, seconds alone', floor: BARE, kind: 'added' },
  ],
}

function byHand({ name }: Setup): string {
  return `delete, recorded by hand, ${name}`
}

function deleteOf(
  stage: Stage,
  meterProvider: MeterProvider | undefined,
  histograms: NonNullable<CacheOptions['histograms']>,
): Operation {
  const cache = stage.cacheOn(meterProvider, { histograms })
  return () => cache.delete('absent')
}

/**
 * The same without a provider, beside two clock reads of the bench's own and the SDK's records. Nothing waits here for the
 * delete to end: an `await` more would be on the floor's bill, and costs as much as is bounded.
 */
function deleteByHand(stage: Stage, { readers, histograms }: Setup): Operation {
  const cache = stage.cacheOn(undefined, {})
  const meter = stage.meterProvider(readers).getMeter('by hand')
  const inMilliseconds = histograms === 'both' ? [meter.createHistogram('by_hand_ms')] : []
  const instruments: ReadonlyArray<readonly [Histogram, number]> = [
    ...inMilliseconds.map((histogram) => [histogram, 1] as const),
    [meter.createHistogram('by_hand_seconds'), 0.001],
  ]
  const attributes = { cache: 'by hand', operation: 'delete' }
  return () => {
    const started = performance.now()
    const deleted = cache.delete('absent')
    const duration = performance.now() - started
    for (const [histogram, unit] of instruments) histogram.record(duration * unit, attributes)
    return deleted
  }
}

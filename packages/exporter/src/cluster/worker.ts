import { diag } from '@opentelemetry/api'
import { DeadlineError, within } from '../deadline.js'
import { NoPrimaryError, NotListeningError } from '../errors.js'
import type { Collect } from '../exposition/family.js'
import type { Address } from '../options.js'
import { encode, isOurs, type ToPrimary, type ToWorker } from './messages.js'

/** How long the primary may take to open its port, in milliseconds. */
const WELCOME_TIMEOUT = 10_000
/** A last collection on the way out. */
const GOODBYE_TIMEOUT = 500

/** Tells the primary of a `node:cluster` what this worker has collected, whenever it is asked. */
export class ClusterWorker {
  readonly #collect: Collect
  #welcomed: (address: Address | undefined) => void = () => {}

  constructor(collect: Collect) {
    this.#collect = collect
  }

  /** Resolves to what the primary listens on, once it does. */
  async start(): Promise<Address> {
    const welcome = new Promise<Address | undefined>((resolve) => {
      this.#welcomed = resolve
    })
    process.on('message', this.#onMessage)
    await tell({ otelCacheExporter: 'hello' })
    try {
      const address = await within(WELCOME_TIMEOUT, welcome)
      if (address !== undefined) return address
    } catch (error) {
      if (!(error instanceof DeadlineError)) throw error
      throw new NoPrimaryError(error)
    }
    throw new NotListeningError('the primary of the cluster serves its metrics through a server of its own')
  }

  /** Tells the last counts. */
  async stop(): Promise<void> {
    process.off('message', this.#onMessage)
    const families = await this.#collect(GOODBYE_TIMEOUT).then(encode, () => undefined)
    await tell({ otelCacheExporter: 'goodbye', families })
  }

  readonly #onMessage = (message: unknown): void => {
    if (!isOurs(message)) return
    const told: ToWorker = message
    if (told.otelCacheExporter === 'who is there') void tell({ otelCacheExporter: 'hello' })
    else if (told.otelCacheExporter === 'welcome') this.#welcomed(told.address)
    else void this.#answer(told.id, told.timeout)
  }

  async #answer(id: number, timeout: number): Promise<void> {
    try {
      await tell({ otelCacheExporter: 'collected', id, families: encode(await this.#collect(timeout)) })
    } catch (error) {
      diag.error('otel-cache: the metrics of this worker could not be collected [OTEL_CACHE_COLLECTION_FAILED]', error)
      await tell({ otelCacheExporter: 'failed', id })
    }
  }
}

/** Resolves when it is on its way, or when there is no primary any more. */
function tell(message: ToPrimary): Promise<void> {
  return new Promise((resolve) => {
    if (process.connected !== true) return resolve()
    process.send?.(message, undefined, undefined, () => resolve())
  })
}

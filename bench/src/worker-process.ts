import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { inTime } from './child.js'
import type { Case, Group } from './group.js'
import type { MitataStats } from './measure.js'

export type Request =
  | { readonly kind: 'mitata'; readonly time: number }
  | { readonly kind: 'slice'; readonly times: number }
  | { readonly kind: 'complaints' }

export type Answer =
  | { readonly kind: 'ready'; readonly storedBytes: number | undefined }
  | { readonly kind: 'mitata'; readonly stats: MitataStats }
  | { readonly kind: 'slice'; readonly duration: number }
  | { readonly kind: 'complaints'; readonly complaints: readonly string[] }

/** How long a case runs at least before it is measured, and at most, in milliseconds. */
export interface WarmUp {
  readonly warmUp: number
  /** Where it has run too few times by then. */
  readonly longestWarmUp: number
}

/**
 * A case in a process of its own, seen from outside. Cases that share a process share what V8 has learned, the garbage,
 * and what one of them has switched on for all: a floor would be measured with the cache's burden on it.
 */
export class WorkerProcess {
  readonly of: Case
  /** What a value takes in Redis, where the case has filled it. */
  storedBytes: number | undefined
  readonly #child: ChildProcess
  readonly #ended: Promise<never>

  private constructor(of: Case, child: ChildProcess) {
    this.of = of
    this.#child = child
    this.#ended = once(child, 'exit').then(([code, signal]) => {
      throw new Error(`the process of '${of.name}' ended: ${signal ?? `exit code ${code}`}`)
    })
    this.#ended.catch(() => {})
  }

  /** Resolves once the case is prepared and warmed up. */
  static async start(group: Group, one: Case, redisUrl: string, pace: WarmUp): Promise<WorkerProcess> {
    const module = new URL('./worker.js', import.meta.url)
    const child = fork(module, [group.name, one.name, redisUrl, String(pace.warmUp), String(pace.longestWarmUp)], {
      serialization: 'advanced',
    })
    const worker = new WorkerProcess(one, child)
    worker.storedBytes = (await worker.#answer('ready')).storedBytes
    return worker
  }

  /** mitata's figures, measured for so many milliseconds. */
  async mitata(time: number): Promise<MitataStats> {
    return (await this.#ask({ kind: 'mitata', time })).stats
  }

  /** How long so many operations take, in milliseconds. */
  async slice(times: number): Promise<number> {
    return (await this.#ask({ kind: 'slice', times })).duration
  }

  /** What speaks against believing what was measured. */
  async complaints(): Promise<readonly string[]> {
    return (await this.#ask({ kind: 'complaints' })).complaints
  }

  stop(): void {
    if (this.#child.connected) this.#child.disconnect()
  }

  #ask<R extends Request>(request: R): Promise<Extract<Answer, { kind: R['kind'] }>> {
    this.#child.send(request)
    return this.#answer<R['kind']>(request.kind)
  }

  /** One request is under way at a time, so the next message is its answer. */
  async #answer<K extends Answer['kind']>(kind: K): Promise<Extract<Answer, { kind: K }>> {
    const [answer] = await inTime(Promise.race([once(this.#child, 'message'), this.#ended]), this.of.name, kind)
    if (answer.kind !== kind) throw new Error(`asked '${this.of.name}' for ${kind}, got ${answer.kind}`)
    return answer
  }
}

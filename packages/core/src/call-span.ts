import type { Span } from '@opentelemetry/api'
import type { Failure, Outcome } from './outcome.js'
import type { Milliseconds } from './types.js'

/** The span of one call, where its caller is traced. Nothing it does throws. */
export interface CallSpan {
  readonly span: Span
  /** One of its keys. */
  lookedUp(outcome: Outcome): void
  /** Redis failed; the call may have succeeded all the same. */
  redisFailed(failure: Failure): void
  /** A change that Redis did not confirm. */
  unconfirmed(): void
  /** @param bytes encoded @param ttl of a value that is put */
  sized(bytes: number, ttl?: Milliseconds): void
  /** It shares what another call brings. */
  linkTo(leader: CallSpan | undefined): void
  /** The call rejects. */
  failed(error: unknown): void
  end(): void
}

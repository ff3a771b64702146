import type { RedisLike } from '@otel-cache/core'

export function connect(): (RedisLike & { quit(): Promise<unknown> }) | undefined {
  return undefined
}

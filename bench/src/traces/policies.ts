import { Belady } from './belady.js'
import { Lru } from './lru.js'
import type { PolicyOf } from './policy.js'
import { S3Fifo } from './s3-fifo.js'
import { Sieve } from './sieve.js'
import { WTinyLfu } from './w-tiny-lfu.js'

export const OTEL_CACHE = 'otel-cache'

/** Those of the textbooks, by name. */
export const policies: Readonly<Record<string, PolicyOf>> = {
  LRU: (capacity) => new Lru(capacity),
  SIEVE: (capacity) => new Sieve(capacity),
  'S3-FIFO': (capacity) => new S3Fifo(capacity),
  'W-TinyLFU': (capacity) => new WTinyLfu(capacity),
  optimum: (capacity, requests) => new Belady(capacity, requests),
}

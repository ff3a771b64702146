import { deserialize, serialize } from 'node:v8'
import type { Families } from '../exposition/family.js'
import type { Address } from '../options.js'

/** What the primary tells its workers. They know each other by the field, which no other message has. */
export type ToWorker =
  | { readonly otelCacheExporter: 'who is there' }
  | { readonly otelCacheExporter: 'welcome'; readonly address: Address | undefined }
  | { readonly otelCacheExporter: 'collect'; readonly id: number; readonly timeout: number }

/** What a worker tells the primary. Families travel as `encode` makes them. */
export type ToPrimary =
  | { readonly otelCacheExporter: 'hello' }
  | { readonly otelCacheExporter: 'collected'; readonly id: number; readonly families: string }
  | { readonly otelCacheExporter: 'failed'; readonly id: number }
  | { readonly otelCacheExporter: 'goodbye'; readonly families: string | undefined }

export function isOurs(message: unknown): message is ToWorker & ToPrimary {
  return typeof message === 'object' && message !== null && 'otelCacheExporter' in message
}

/** The channel's own JSON has neither maps nor NaN. */
export function encode(families: Families): string {
  return serialize(families).toString('base64')
}

export function decode(text: string): Families {
  return deserialize(Buffer.from(text, 'base64')) as Families
}

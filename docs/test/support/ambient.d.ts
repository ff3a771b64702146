/** What a code block may use without saying where it comes from: the rest of the reader's application. */
declare const cache: import('@otel-cache/core').Cache
declare const redis: import('ioredis').Redis
declare const app: import('express').Express
// biome-ignore lint/suspicious/noExplicitAny: every application has another one
declare const db: any
interface User {
  id: string
  name: string
  teams?: string[]
}
declare function fetchUser(id: string | number, signal?: AbortSignal): Promise<User>

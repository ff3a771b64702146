import { setTimeout as pause } from 'node:timers/promises'

export interface Article {
  readonly id: string
  readonly title: string
}

/** Stands for your database: what is read most, most wanted first. */
export async function popularIds(): Promise<string[]> {
  return Array.from({ length: 5_000 }, (_, i) => String(i + 1))
}

/** One query for many. */
export async function findArticles(ids: readonly string[]): Promise<Article[]> {
  await pause(100)
  return ids.map((id) => ({ id, title: `Article ${id}` }))
}

import { setTimeout as pause } from 'node:timers/promises'

/** Stands for your database: prices in cents. */
const prices = new Map([
  ['tea', 400],
  ['cup', 900],
  ['pot', 2500],
])

/** One query for many; what is not there is not in the answer. */
export async function findPrices(ids: readonly string[]): Promise<Map<string, number>> {
  await pause(50)
  return new Map([...prices].filter(([id]) => ids.includes(id)))
}

export async function storePrice(id: string, cents: number): Promise<void> {
  await pause(50)
  prices.set(id, cents)
}

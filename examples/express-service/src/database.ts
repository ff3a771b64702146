import { setTimeout as pause } from 'node:timers/promises'

export interface Product {
  readonly category: string
  readonly id: string
  readonly cents: number
}

/** Stands for your database: three teas and two cups. */
const products: Product[] = [
  ...['1', '2', '3'].map((id) => ({ category: 'tea', id, cents: 400 })),
  ...['1', '2'].map((id) => ({ category: 'cups', id, cents: 900 })),
]

export async function findProduct(category: string, id: string): Promise<Product | null> {
  await pause(50)
  return products.find((product) => product.category === category && product.id === id) ?? null
}

/** Ten percent off everything in a category. */
export async function discount(category: string): Promise<void> {
  await pause(50)
  for (const [i, product] of products.entries()) {
    if (product.category === category) products[i] = { ...product, cents: Math.round(product.cents * 0.9) }
  }
}

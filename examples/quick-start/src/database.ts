import { setTimeout as pause } from 'node:timers/promises'

export interface User {
  readonly id: string
  readonly name: string
}

/** Stands for your database. */
export async function findUser(id: string): Promise<User> {
  await pause(100)
  return { id, name: 'Ada' }
}

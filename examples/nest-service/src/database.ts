import { setTimeout as pause } from 'node:timers/promises'

export interface User {
  readonly id: string
  readonly name: string
}

/** Stands for your database. */
const users = new Map([['42', 'Ada']])

export async function findUser(id: string): Promise<User | null> {
  await pause(50)
  const name = users.get(id)
  return name === undefined ? null : { id, name }
}

export async function renameUser(id: string, name: string): Promise<void> {
  await pause(50)
  users.set(id, name)
}

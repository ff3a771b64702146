import { serve } from '../child.js'

const tasks = {
  /** How long it takes to import the first modules, and then the others as well, in milliseconds. */
  async load(first: readonly string[], others: readonly string[]): Promise<readonly [number, number]> {
    const started = performance.now()
    for (const module of first) await import(module)
    const between = performance.now()
    for (const module of others) await import(module)
    return [between - started, performance.now() - started]
  },
}

export type ImportTasks = typeof tasks

serve(tasks)

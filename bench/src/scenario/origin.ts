import { setTimeout as wait } from 'node:timers/promises'
import { randomFrom } from '../random.js'

/** What a pattern request is answered with: some 250 bytes of JSON. */
export interface Answer {
  readonly pattern: string
  readonly matches: ReadonlyArray<{ readonly word: string; readonly distance: number }>
}

const USUAL = 800
/** The slowest takes this much longer than the usual one, the fastest this much less. */
const SPREAD = 150

/** The costly service behind: it answers after about 800 ms, as a slow query would, and keeps nobody's processor busy. */
export class Origin {
  /** How long each answer really took, in milliseconds. */
  readonly waits: number[] = []
  readonly #random: () => number

  /** The same seed makes the same waits. */
  constructor(seed: number) {
    this.#random = randomFrom(seed)
  }

  async ask(pattern: string): Promise<Answer> {
    // The mean of three is near the middle most of the time, as latencies are.
    const deviation = (this.#random() + this.#random() + this.#random()) / 1.5 - 1
    const asked = performance.now()
    await wait(USUAL + SPREAD * deviation)
    this.waits.push(performance.now() - asked)
    const matches = Array.from({ length: 6 }, (_, distance) => ({ word: `${pattern}-${distance}`, distance }))
    return { pattern, matches }
  }
}

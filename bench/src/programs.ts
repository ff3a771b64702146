import { redisCallers } from './callers/callers.js'
import type { Program } from './program.js'

/** All that is measured in a way of its own, in the order in which it is. */
export const programs: readonly Program[] = [redisCallers]

import { deleteDuringLoad } from './delete-during-load.js'
import type { Failure } from './failure.js'
import { missedInvalidation } from './missed-invalidation.js'
import { downDelete, downRead, hung } from './redis-gone.js'
import { failingLoader, falsyValues } from './values-and-loads.js'

/** All that happens over one Redis. Those that are waited for come first: they wait together. */
export const failures: readonly Failure[] = [
  hung,
  downRead,
  downDelete,
  missedInvalidation,
  deleteDuringLoad,
  failingLoader,
  falsyValues,
]

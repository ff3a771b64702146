import type { Fault } from './fault.js'
import { CONTENTS } from './faults/contents.js'
import { FAILING_OVER } from './faults/failing-over.js'
import { GONE } from './faults/gone.js'
import { HANGING } from './faults/hanging.js'
import { IN_CLUSTER } from './faults/in-cluster.js'
import { REFUSING } from './faults/refusing.js'

/** All of it, in the order of the document. A new row goes into one of these, a new group here and into a test file. */
export const SUITE: ReadonlyArray<{ readonly title: string; readonly faults: readonly Fault[] }> = [
  { title: 'Redis hangs, or seems to', faults: HANGING },
  { title: 'The connection ends, or is never made', faults: GONE },
  { title: 'Redis refuses', faults: REFUSING },
  { title: 'Redis gives back what nobody has stored', faults: CONTENTS },
  { title: 'Sentinel chooses another master', faults: FAILING_OVER },
  { title: 'A Cluster changes, or breaks', faults: IN_CLUSTER },
]

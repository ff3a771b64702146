import { FAILING_OVER } from './faults/failing-over.js'
import { playAll } from './play-all.js'

playAll(FAILING_OVER)

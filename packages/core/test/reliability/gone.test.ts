import { GONE } from './faults/gone.js'
import { playAll } from './play-all.js'

playAll(GONE)

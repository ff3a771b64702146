import { HANGING } from './faults/hanging.js'
import { playAll } from './play-all.js'

playAll(HANGING)

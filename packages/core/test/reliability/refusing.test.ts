import { REFUSING } from './faults/refusing.js'
import { playAll } from './play-all.js'

playAll(REFUSING)

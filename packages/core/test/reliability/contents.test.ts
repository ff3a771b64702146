import { CONTENTS } from './faults/contents.js'
import { playAll } from './play-all.js'

playAll(CONTENTS)

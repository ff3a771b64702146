import { IN_CLUSTER } from './faults/in-cluster.js'
import { playAll } from './play-all.js'

playAll(IN_CLUSTER)

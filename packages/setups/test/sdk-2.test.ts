import { useProject } from './support/project.js'
import { testSetups } from './support/test-setups.js'

testSetups({ project: useProject('sdk-2', '1.10.0'), node: process.execPath, copy: 'newer' })

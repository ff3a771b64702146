import { fileURLToPath } from 'node:url'
import { useProject } from './support/project.js'
import { testSetups } from './support/test-setups.js'

/** SDK 3 needs a newer Node than the tests do. Called by path, so that it is Node for nothing else. */
const node = fileURLToPath(new URL('../../otel-sdk-3/node_modules/node/bin/node', import.meta.url))

testSetups({ project: useProject('sdk-3', '1.9.1'), node, copy: 'older' })

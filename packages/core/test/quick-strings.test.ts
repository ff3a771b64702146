import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const PROGRAM = `
  import { createCache } from '@otel-cache/core'
  class Extending extends String {}
  const before = %HasFastProperties(String.prototype)
  createCache({ name: 'quick' })
  console.log(JSON.stringify({ before, after: %HasFastProperties(String.prototype), is: typeof Extending }))
`

// ioredis 6 has such a class: while it is loaded each method of a string takes three times as long, for the whole process.
test('a class that extends String does not make the methods of strings slow for good', async () => {
  const args = ['--allow-natives-syntax', '--input-type=module', '--eval', PROGRAM]
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: import.meta.dirname })
  expect(JSON.parse(stdout)).toMatchObject({ before: false, after: true })
})

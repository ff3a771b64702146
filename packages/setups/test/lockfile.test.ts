import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { Lockfile } from '../src/lockfile.js'

/** An application of three libraries, two of which bring the same fourth in two versions, and one a fifth. */
const TEXT = `
lockfileVersion: '9.0'
settings: {autoInstallPeers: true}
importers:
  packages/application:
    dependencies:
      one: {specifier: 1.0.0, version: 1.0.0(peer@1.0.0)}
      two: {specifier: 2.0.0, version: 2.0.0}
packages: {}
snapshots:
  one@1.0.0(peer@1.0.0):
    dependencies: {shared: 1.0.0, behind: '5.0.0(peer@1.0.0)'}
  two@2.0.0:
    optionalDependencies: {shared: 2.0.0}
  behind@5.0.0(peer@1.0.0):
    dependencies: {two: 2.0.0, last: 6.0.0}
  last@6.0.0:
    dependencies: {behind: '5.0.0(peer@1.0.0)'}
`

const lockfile = new Lockfile(TEXT)
const dependencies = lockfile.dependenciesOf('packages/application')

test('tells what comes in behind, but for what is asked for, and what comes in two versions', () => {
  expect(lockfile.behind(dependencies)).toEqual({ behind: '5.0.0', last: '6.0.0' })
})

test('becomes the lockfile of one project alone', () => {
  const { lockfileVersion, importers, snapshots } = parse(lockfile.for(dependencies))
  expect(lockfileVersion).toBe('9.0')
  expect(importers).toEqual({ '.': { dependencies } })
  expect(Object.keys(snapshots)).toHaveLength(4)
})

test('knows a project or says so', () => {
  expect(() => lockfile.dependenciesOf('packages/other')).toThrow('packages/other')
})

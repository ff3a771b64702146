// Provides the real programs that the tests and benchmarks run against: redis-server, prometheus and promtool, chromium.
// Those that are named, or all of them. Says nothing when they are there; installs Debian's packages when it may; tells what to install when it may not.
import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Each program, and the Debian package that brings it. */
const packageOf = {
  'redis-server': 'redis-server',
  prometheus: 'prometheus',
  promtool: 'prometheus',
  chromium: 'chromium',
}

// Debian starts a daemon as soon as its package is installed, on its default port. We want the programs alone, and
// `policy-rc.d` is Debian's way to say so (exit 101: do not start). A policy that is already there is left alone.
// No `set -e`: where `apt-get update` fails for a foreign source, the installation may still succeed.
const installScript = `
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\\nexit 101\\n' > "$policy" && chmod 755 "$policy"
  fi
  export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
  apt-get update -o Acquire::Retries=3
  apt-get install -y --no-install-recommends -o Acquire::Retries=3 -o DPkg::Lock::Timeout=120 "$@"
`

/** @param {string} program */
function isOnPath(program) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

const named = process.argv.slice(2)
const missingPrograms = () =>
  (named.length > 0 ? named : Object.keys(packageOf)).filter((program) => !isOnPath(program))

/** The words to put before a command so that it runs as root, or undefined where we cannot. */
function rootPrefix() {
  if (process.getuid?.() === 0) return []
  return spawnSync('sudo', ['-n', 'true']).status === 0 ? ['sudo', '-n'] : undefined
}

/** @param {string} line */
function fail(line) {
  console.error(`provide-servers: ${line}`)
  process.exit(1)
}

const missing = missingPrograms()
if (missing.length > 0) {
  const packages = [...new Set(missing.map((program) => packageOf[program]))]
  const toDo = `install ${missing.join(', ')} (Debian, Ubuntu: apt-get install ${packages.join(' ')})`
  const prefix = isOnPath('apt-get') ? rootPrefix() : undefined
  if (prefix === undefined) fail(`${missing.join(', ')} not found; please ${toDo}`)

  console.log(`provide-servers: installing ${packages.join(' ')} with apt-get`)
  const [command, ...args] = [...prefix, 'sh', '-c', installScript, 'sh', ...packages]
  // Standard error joins standard output, so that a failure reads in the order in which it happened.
  const apt = spawnSync('sh', ['-c', 'exec "$@" 2>&1', 'sh', command, ...args], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  })
  const left = missingPrograms()
  if (apt.status !== 0 || left.length > 0) {
    console.error(apt.stdout)
    fail(`apt-get could not provide ${(left.length > 0 ? left : missing).join(', ')}; please ${toDo}`)
  }
}

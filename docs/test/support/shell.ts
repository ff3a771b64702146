import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { REPOSITORY_ROOT } from '../../.vitepress/paths.js'
import type { Block } from './blocks.js'

/** What pnpm does by itself. */
const OF_PNPM = new Set([
  'add',
  'approve-builds',
  'exec',
  'i',
  'install',
  'dlx',
  'init',
  'remove',
  'up',
  'update',
  'why',
])
const FOLDERS = /^(\.\/|(docs|packages|examples|bench|scripts)\/)/

/** The scripts and files that a block of shell commands names, and that are not there. */
export function wrongCommands({ file, text }: Block): string[] {
  return text
    .replaceAll('\\\n', ' ')
    .split('\n')
    .map((line) => line.replace(/(^|\s)#.*$/, ''))
    .flatMap((line) => [...wrongScripts(line, file), ...wrongPaths(line, file)])
}

function wrongScripts(line: string, file: string): string[] {
  const called = [...line.matchAll(/\bpnpm(?:@\d+)?\s+(?:run\s+)?([\w:-]+)/g)].map(([, name = '']) => name)
  const known = new Set([...OF_PNPM, ...scriptsOf(''), ...scriptsOf(dirname(file))])
  return called.filter((name) => !name.startsWith('-') && !known.has(name)).map((name) => `no script ${name}`)
}

function wrongPaths(line: string, file: string): string[] {
  const words = line.split(/[\s=]+/).map((word) => word.replace(/^['"@]+|['",;)]+$/g, ''))
  const paths = words.filter((word) => FOLDERS.test(word) && !/[*$<>{}]/.test(word))
  return paths
    .filter(
      (path) => ![REPOSITORY_ROOT, join(REPOSITORY_ROOT, dirname(file))].some((from) => existsSync(join(from, path))),
    )
    .map((path) => `no file ${path}`)
}

function scriptsOf(folder: string): string[] {
  const path = join(REPOSITORY_ROOT, folder, 'package.json')
  return existsSync(path) ? Object.keys(JSON.parse(readFileSync(path, 'utf8')).scripts ?? {}) : []
}

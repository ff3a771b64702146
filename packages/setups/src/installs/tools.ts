import { join } from 'node:path'
import { readJson } from '../packed.js'
import { HERE } from '../paths.js'
import { run } from '../run.js'
import type { Combination } from './factors.js'

/** Where the Nodes and the TypeScripts are that combinations are made of. */
const MODULES = join(HERE, 'projects/installs/node_modules')

/** The Node of that major version. Called by path, so that it is Node for nothing else. */
export function nodeOf(major: Combination['node']): string {
  return join(MODULES, `node${major}/bin/node`)
}

/** The TypeScript compiler of that version. */
export function tscOf(version: Combination['typescript']): string {
  return join(MODULES, `typescript${version}/bin/tsc`)
}

/** What the Node and the TypeScript of a combination say that they are. */
export async function versionsOf({ node, typescript }: Combination): Promise<{ node: string; typescript: string }> {
  const [said, compiler] = await Promise.all([
    run(nodeOf(node), ['--version'], HERE),
    readJson<{ version: string }>(join(MODULES, `typescript${typescript}/package.json`)),
  ])
  return { node: said.stdout.trim().slice(1), typescript: compiler.version }
}

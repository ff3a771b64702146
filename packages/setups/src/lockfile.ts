import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { ROOT } from './paths.js'

/** What a project of the workspace depends on, as the lockfile has it. */
export type Locked = Readonly<Record<string, { readonly specifier: string; readonly version: string }>>

interface Snapshot {
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

/** The workspace's lockfile, from which installations elsewhere take the very versions that the workspace has. */
export class Lockfile {
  readonly #content: {
    readonly lockfileVersion: string
    readonly settings: unknown
    readonly importers: Readonly<Record<string, { readonly dependencies?: Locked }>>
    readonly packages: unknown
    readonly snapshots: Readonly<Record<string, Snapshot>>
  }

  constructor(text: string) {
    this.#content = parse(text)
  }

  static async read(): Promise<Lockfile> {
    return new Lockfile(await readFile(join(ROOT, 'pnpm-lock.yaml'), 'utf8'))
  }

  /** @param project its folder in the workspace */
  dependenciesOf(project: string): Locked {
    const { dependencies } = this.#content.importers[project] ?? {}
    if (dependencies === undefined) throw new Error(`the lockfile has no dependencies of ${project}`)
    return dependencies
  }

  /** The lockfile of a project with these dependencies, for pnpm: what is in the store need not be fetched. */
  for(dependencies: Locked): string {
    const { lockfileVersion, settings, packages, snapshots } = this.#content
    return stringify({ lockfileVersion, settings, importers: { '.': { dependencies } }, packages, snapshots })
  }

  /**
   * For npm, which knows no lockfile but its own: what these dependencies bring in behind them, and its versions. Without
   * what comes in several, which one rule for all would break.
   */
  behind(dependencies: Locked): Readonly<Record<string, string>> {
    const seen = new Set<string>()
    const versions = new Map<string, Set<string>>()
    const visit = (name: string, version: string) => {
      const id = `${name}@${version}`
      if (seen.has(id)) return
      seen.add(id)
      versions.set(name, (versions.get(name) ?? new Set()).add(version.replace(/\(.*/, '')))
      const { dependencies = {}, optionalDependencies = {} } = this.#content.snapshots[id] ?? {}
      for (const entry of Object.entries({ ...dependencies, ...optionalDependencies })) visit(...entry)
    }
    for (const [name, { version }] of Object.entries(dependencies)) visit(name, version)
    const single = [...versions].filter(([name, all]) => all.size === 1 && !(name in dependencies))
    return Object.fromEntries(single.map(([name, [version = '']]) => [name, version]))
  }
}

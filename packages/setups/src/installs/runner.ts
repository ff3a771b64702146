import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RedisServer, startRedis } from '@otel-cache/test-servers'
import { Lockfile } from '../lockfile.js'
import { type Packed, pack, writeJson } from '../packed.js'
import { compile, runToEnd, writeApplication } from './application.js'
import type { Combination } from './factors.js'
import { type Dependencies, folderNameOf, install, npmInstall } from './installation.js'
import { limit } from './limit.js'

/** How many are tried at a time. */
const LANES = Math.max(2, Math.floor(availableParallelism() / 2))

/** Tries combinations in a temporary folder of its own, with a Redis of its own, some at a time. */
export class Runner {
  readonly #folder: string
  readonly #redis: RedisServer
  readonly #lockfile: Lockfile
  readonly #packed: Packed
  /** Each set of dependencies is installed once; what is compiled alike is compiled once. */
  readonly #once = new Map<string, Promise<string>>()
  readonly #inLane = limit(LANES)
  readonly #running = new Set<Promise<void>>()
  #isStopping = false

  private constructor(folder: string, redis: RedisServer, lockfile: Lockfile, packed: Packed) {
    this.#folder = folder
    this.#redis = redis
    this.#lockfile = lockfile
    this.#packed = packed
  }

  static async start(): Promise<Runner> {
    const folder = await mkdtemp(join(tmpdir(), 'otel-cache-installs-'))
    try {
      const [lockfile, packed] = await Promise.all([Lockfile.read(), pack(join(folder, 'packed'))])
      return new Runner(folder, await startRedis(), lockfile, packed)
    } catch (error) {
      await rm(folder, { recursive: true, force: true })
      throw error
    }
  }

  /** Installs, compiles and runs. Rejects with what was said where one of them fails. */
  try(combination: Combination): Promise<void> {
    return this.#inLane(async () => {
      if (this.#isStopping) return new Promise<never>(() => {})
      const running = this.#try(combination)
      this.#running.add(running)
      await running.finally(() => this.#running.delete(running))
    })
  }

  /** Begins nothing more, lets what is under way come to its end, and leaves nothing behind. */
  async stop(): Promise<void> {
    this.#isStopping = true
    await Promise.allSettled([...this.#running, ...this.#once.values()])
    await Promise.all([this.#redis.stop(), rm(this.#folder, { recursive: true, force: true })])
  }

  async #try(combination: Combination): Promise<void> {
    await runToEnd(await this.#compiled(combination), combination, this.#redis.port)
  }

  #compiled(combination: Combination): Promise<string> {
    const { typescript, module, resolution } = combination
    const name = `${module}-${resolution}-typescript-${typescript}`
    return this.#do(`${folderNameOf(combination)}/${name}`, async () => {
      const folder = join(await this.installed(combination), name)
      await writeApplication(folder, combination)
      await compile(folder, combination)
      return folder
    })
  }

  /** The folder where these dependencies are installed. */
  installed(dependencies: Dependencies): Promise<string> {
    const name = folderNameOf(dependencies)
    return this.#do(name, async () => {
      const folder = join(this.#folder, name)
      await install(folder, dependencies, { packed: this.#packed, lockfile: this.#lockfile, cache: this.#cache })
      return folder
    })
  }

  /** A folder where one of our packages is installed by npm, and nothing is asked for beside it. */
  installedAlone(name: keyof Packed): Promise<string> {
    return this.#do(`${name}-alone`, async () => {
      const folder = join(this.#folder, `${name}-alone`)
      await mkdir(folder)
      await writeJson(join(folder, 'package.json'), { private: true })
      await npmInstall(folder, this.#cache, this.#packed[name])
      return folder
    })
  }

  /** npm's, for all installations together. */
  get #cache(): string {
    return join(this.#folder, 'npm-cache')
  }

  #do(name: string, work: () => Promise<string>): Promise<string> {
    const done = this.#once.get(name) ?? work()
    this.#once.set(name, done)
    return done
  }
}

import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { calm, delayChannels, delayReplies, killChannels } from './disturbances.js'
import type { Mix } from './messages.js'
import type { Scenario } from './scenarios.js'

/** A bug put into a copy of the cache, so that the oracle is seen to find it. */
export interface Planted {
  readonly bug: string
  /** In the compiled core. */
  readonly file: string
  /** What is there, once, and what is there instead. */
  readonly replace: readonly (readonly [there: string, instead: string])[]
  /** What brings it to light, where work alone does not. */
  readonly scenario?: Partial<Scenario>
}

/** Values last, so that only what is told of them can correct memory in time. */
const QUIETER: Mix = { batch: 40, pause: 5, changes: 0.01, slowLoads: { share: 0, take: 0 } }

export const PLANTED: readonly Planted[] = [
  {
    bug: 'what was loaded is stored without a look at the lease',
    file: 'redis/scripts.js',
    replace: [
      ['local over = ended(KEYS[2], ARGV[1])\n', 'local over = false\n'],
      ["local over = ARGV[6] ~= '' and ended(KEYS[2], ARGV[6])\n", 'local over = false\n'],
    ],
  },
  {
    bug: 'deletes do not end the lease',
    file: 'redis/deletes.js',
    replace: [['[name, lease]', '[name]']],
  },
  {
    bug: 'a set ends no lease but its own',
    file: 'redis/scripts.js',
    replace: [
      ["redis.pcall('DEL', KEYS[2])\nreturn now", "if ARGV[6] ~= '' then redis.call('DEL', KEYS[2]) end\nreturn now"],
    ],
  },
  {
    bug: 'a load from before a change is still joined after it',
    file: 'write.js',
    replace: [['flights.leave(id);', '']],
  },
  {
    bug: 'what Redis tells is not heeded',
    file: 'rooms.js',
    replace: [['this.memory?.invalidate(id);', '']],
    scenario: { mix: QUIETER },
  },
  {
    bug: 'what Redis tells of a key that is being read is not heeded',
    file: 'rooms.js',
    replace: [['this.inProgress.hear(id);', '']],
    scenario: { mix: QUIETER, behind: 'proxy', disturbances: [delayReplies(30), calm(2_000)] },
  },
  {
    bug: 'what Redis tells of a generation is not heeded',
    file: 'redis/redis.js',
    replace: [
      ['this.stored.changed(path, key);', ''],
      // Nor what a refused store says of it.
      ['this.#generations.doubt(one);', ''],
    ],
    // Whatever else is changed, or read from Redis, would tell soon enough.
    scenario: { mix: { ...QUIETER, changes: 0, ttl: 60_000 }, first: { ...QUIETER, changes: 0.0005, onlyEnds: true } },
  },
  {
    bug: 'a channel that broke proves what it has missed',
    file: 'redis/coherence.js',
    replace: [['epoch !== 0 && epoch === this.epoch', 'epoch !== 0']],
    scenario: { mix: QUIETER, disturbances: [killChannels(8, 250)] },
  },
  {
    bug: 'a proof counts from its arrival',
    file: 'redis/coherence.js',
    replace: [['this.#provenAt = this.#pingedAt', 'this.#provenAt = this.#clock.now()']],
    scenario: { mix: QUIETER, behind: 'proxy', disturbances: [delayChannels(400), calm(2_000)] },
  },
  {
    bug: 'generations are not looked at',
    file: 'redis/redis.js',
    replace: [['if (!isOf(stored, ids, generations.length))', 'if (false)']],
  },
]

const CORE = fileURLToPath(new URL('../../core/', import.meta.url))

/** A built core with the bug in it. */
export class MutatedCore {
  /** Its entry module. */
  readonly module: string
  readonly #folder: string

  private constructor(folder: string) {
    this.#folder = folder
    this.module = pathToFileURL(join(folder, 'dist/index.js')).href
  }

  /** Rejects where the text to be replaced is not there exactly once: the bug would be none. */
  static async with({ bug, file, replace }: Planted): Promise<MutatedCore> {
    const core = new MutatedCore(await mkdtemp(join(tmpdir(), 'otel-cache-planted-')))
    try {
      await cp(join(CORE, 'dist'), join(core.#folder, 'dist'), { recursive: true })
      await cp(join(CORE, 'package.json'), join(core.#folder, 'package.json'))
      await symlink(join(CORE, 'node_modules'), join(core.#folder, 'node_modules'))
      const path = join(core.#folder, 'dist', file)
      let text = await readFile(path, 'utf8')
      for (const [there, instead] of replace) {
        const times = text.split(there).length - 1
        if (times !== 1) throw new Error(`'${bug}' cannot be planted: found ${times} times in ${file}: ${there}`)
        text = text.replace(there, () => instead)
      }
      await writeFile(path, text)
      return core
    } catch (error) {
      await core.remove()
      throw error
    }
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true })
  }
}

import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'

/**
 * The whole program of the thread. Source text, because a file of its own would be lost in a bundle. On Linux a
 * priority belongs to a thread: elsewhere it would slow the application down.
 */
const PROGRAM = `
const { constants, setPriority } = require('node:os')
const { parentPort, workerData } = require('node:worker_threads')
const { compareSync } = require(workerData.bcryptjs)
if (process.platform === 'linux') setPriority(constants.priority.PRIORITY_LOW)
parentPort.on('message', ({ password, hash }) => parentPort.postMessage(compareSync(password, hash)))
`

interface Waiting {
  readonly resolve: (isRight: boolean) => void
  readonly reject: (error: unknown) => void
}

/**
 * Compares passwords with bcrypt hashes, one after the other, in a thread of its own: each takes some 60 ms of computing
 * on purpose, which the application's event loop does not have. The thread starts when it is first needed.
 */
export class PasswordThread {
  #worker: Worker | undefined
  #waiting: Waiting[] = []

  compare(password: string, hash: string): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#worker ??= this.#start()
      this.#waiting.push({ resolve, reject })
      this.#worker.postMessage({ password, hash })
    })
  }

  /** Ends the thread; who still waits is rejected. */
  async close(): Promise<void> {
    await this.#worker?.terminate()
  }

  #start(): Worker {
    const bcryptjs = createRequire(import.meta.url).resolve('bcryptjs')
    const worker = new Worker(PROGRAM, { eval: true, workerData: { bcryptjs }, execArgv: [] })
    let reason = new Error('the thread that compares passwords has ended')
    worker.on('message', (isRight: boolean) => this.#waiting.shift()?.resolve(isRight))
    worker.on('error', (error) => {
      reason = error
    })
    worker.on('exit', () => {
      this.#worker = undefined
      for (const { reject } of this.#waiting.splice(0)) reject(reason)
    })
    // Last: a listener would make it hold the process again.
    worker.unref()
    return worker
  }
}

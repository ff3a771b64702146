import { type Failure, type FailureStage, outcomeOf } from './failure.js'

const readText = (value: unknown): string => (value === 'loaded' ? 'value' : String(value))

export const hung: Failure = {
  name: 'Redis hangs: cold read',
  run: (stage) => coldReadAfter(stage, 'SIGSTOP'),
}

export const downRead: Failure = {
  name: 'Redis down: cold read',
  run: (stage) => coldReadAfter(stage, 'SIGKILL'),
}

export const downDelete: Failure = {
  name: 'Redis down: delete',
  async run({ server, open }) {
    const peer = await open(() => 'loaded')
    await peer.getOrSet('warm')
    await server.kill('SIGKILL')
    return outcomeOf(
      () => peer.delete('warm'),
      (value) => (value === undefined ? 'no result' : String(value)),
    )
  },
}

async function coldReadAfter({ server, open }: FailureStage, signal: 'SIGSTOP' | 'SIGKILL'): Promise<string> {
  const peer = await open(() => 'loaded')
  await peer.getOrSet('warm')
  await server.kill(signal)
  return outcomeOf(() => peer.getOrSet('cold'), readText)
}

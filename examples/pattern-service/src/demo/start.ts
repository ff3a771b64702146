import { type PatternService, type PatternServiceOptions, startPatternService } from '../service.js'

/** Starts the service on the ports that it prefers, and on a free one in place of each that is taken. */
export async function startOnFreePorts(
  options: PatternServiceOptions,
  say: (line: string) => void,
): Promise<PatternService> {
  try {
    return await startPatternService(options)
  } catch (error) {
    const { code, port: taken } = error as NodeJS.ErrnoException & { port?: number }
    if (code !== 'EADDRINUSE' || !taken) throw error
    say(`Port ${taken} is taken: using a free one`)
    const instead = (port: number): number => (port === taken ? 0 : port)
    return startOnFreePorts({ ...options, port: instead(options.port), metricsPort: instead(options.metricsPort) }, say)
  }
}

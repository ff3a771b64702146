import { type CombinationOf, product } from './pairwise.js'

/**
 * What an application may bring. The versions behind these words are those of `projects/installs` and `projects/sdk-*`.
 */
export const FACTORS = {
  installer: ['npm', 'pnpm'],
  otel: ['2', '3'],
  ioredis: ['5', '6', 'none'],
  typescript: ['5.8', '5.9', '6', '7'],
  module: ['esm', 'cjs'],
  resolution: ['NodeNext', 'Bundler'],
  node: ['20', '22', '24', '26'],
} as const

export type Combination = CombinationOf<typeof FACTORS>

/** What cannot be had together, whatever we do. */
export const CONSTRAINTS: ReadonlyArray<{
  readonly reason: string
  readonly excludes: (combination: Combination) => boolean
}> = [
  {
    reason: 'OpenTelemetry SDK 3 needs Node 22.15 or newer (its `engines`)',
    excludes: ({ otel, node }) => otel === '3' && node === '20',
  },
  {
    reason: 'before 6, TypeScript refuses `moduleResolution: Bundler` where modules become CommonJS (TS5095)',
    excludes: ({ module, resolution, typescript }) =>
      module === 'cjs' && resolution === 'Bundler' && typescript.startsWith('5.'),
  },
]

/** Every combination that can be had. */
export const ALLOWED: readonly Combination[] = product(FACTORS).filter(
  (combination) => !CONSTRAINTS.some(({ excludes }) => excludes(combination)),
)

/** In words, for people. */
export function nameOf({ installer, otel, ioredis, typescript, module, resolution, node }: Combination): string {
  const redis = ioredis === 'none' ? 'no ioredis' : `ioredis ${ioredis}`
  return `${installer}, OTel ${otel}, ${redis}, TypeScript ${typescript}, ${module}, ${resolution}, Node ${node}`
}

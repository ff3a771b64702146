import { fileURLToPath } from 'node:url'

export const DOCS: string = fileURLToPath(new URL('..', import.meta.url))
export const REPOSITORY_ROOT: string = fileURLToPath(new URL('../..', import.meta.url))
export const REPOSITORY = 'https://github.com/otel-cache/otel-cache'

import { fileURLToPath } from 'node:url'

/**
 * The newer Node that some of our tools need, from the package otel-sdk-3. Called by path, because it would shadow Node
 * for every script of a package that has it.
 */
export const newerNode = fileURLToPath(new URL('../packages/otel-sdk-3/node_modules/node/bin/node', import.meta.url))

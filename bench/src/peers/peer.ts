/** What all caches have in common, so that they can be asked for the same. Durations are milliseconds. */
export interface Peer {
  /** Reads through: what is cached, or else what the loader returns. */
  getOrSet(key: string): Promise<unknown>
  /** What is cached. Absent where a cache can only be read through. */
  get?(key: string): Promise<unknown>
  /** In the order of the keys. Absent where there is no read of many. */
  getMany?(keys: readonly string[]): Promise<readonly unknown[]>
  set(key: string, value: unknown): Promise<unknown>
  delete(key: string): Promise<unknown>
  /** Everything, also its bytes in Redis. Absent where nothing tells its keys from others. */
  clear?(): Promise<unknown>
  close(): Promise<unknown>
}

/** `both`: memory in front of Redis, kept right by whatever the library has for that. */
export type Tiers = 'memory' | 'redis' | 'both'

/** A library in one configuration: its best documented one, which its adapter's comment gives the reasons for. */
export interface PeerKind {
  readonly name: string
  /** What it can be built of, the fullest last. */
  readonly tiers: readonly Tiers[]
  /** What a caller gets of memory: with `references` it can change what is cached. */
  readonly handsOut: string
  /** Whether its metrics are collected. */
  readonly metered?: true
  /** Whether it is what caches stand on, and none itself. */
  readonly floor?: true
  /** What an application imports: first for memory alone, then in addition for Redis. */
  readonly modules: readonly [memory: readonly string[], redis: readonly string[]]
  /** Imports the library and connects. Where Redis cannot be reached, it is left to the library to notice. */
  open(setting: Setting): Promise<Peer>
}

/** What a peer is opened with. */
export interface Setting {
  readonly tiers: Tiers
  readonly redis: { readonly host: string; readonly port: number }
  /** Whether that is a node of a Redis Cluster. */
  readonly isCluster?: boolean
  /** What its keys in Redis begin with. Two peers with the same one share what is stored. */
  readonly prefix: string
  readonly maxEntries: number
  readonly load: (key: string) => unknown
}

/** Errors of a connection come out where it is used; unheard, they would end the process. */
export function unheard(): void {}

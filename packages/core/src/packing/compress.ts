import { promisify } from 'node:util'
import zlib, { constants } from 'node:zlib'

type Sync = (bytes: Buffer, options: object) => Buffer
type Async = (bytes: Buffer, options: object, done: (error: Error | null, result: Buffer) => void) => void

export interface Algorithm {
  /** In the stored form's marker. */
  readonly letter: string
  readonly options: object
  readonly compress: readonly [Sync, Async]
  readonly decompress: readonly [Sync, Async]
}

/** What the types of the oldest Node.js that is supported do not know. */
interface Zstd {
  readonly zstdCompressSync: Sync
  readonly zstdCompress: Async
  readonly zstdDecompressSync: Sync
  readonly zstdDecompress: Async
  readonly constants: { readonly ZSTD_c_compressionLevel: number }
}

const zstd = zlib as unknown as Zstd

/** Each at its fastest: slower levels make JSON smaller by a few per cent, and take several times as long. */
const ALL: Readonly<Record<string, Algorithm>> = {
  gzip: {
    letter: 'g',
    options: { level: 1 },
    compress: [zlib.gzipSync, zlib.gzip],
    decompress: [zlib.gunzipSync, zlib.gunzip],
  },
  brotli: {
    letter: 'b',
    options: { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } },
    compress: [zlib.brotliCompressSync, zlib.brotliCompress],
    decompress: [zlib.brotliDecompressSync, zlib.brotliDecompress],
  },
  zstd: {
    letter: 'z',
    options: { params: { [zstd.constants.ZSTD_c_compressionLevel]: 1 } },
    compress: [zstd.zstdCompressSync, zstd.zstdCompress],
    decompress: [zstd.zstdDecompressSync, zstd.zstdDecompress],
  },
}

/** Those that this Node.js can do. Between 21 and 22.2 there was no checksum either. */
export const ALGORITHMS: ReadonlyMap<string, Algorithm> = new Map(
  Object.entries(ALL).filter(([, { compress }]) => compress[0] !== undefined && zlib.crc32 !== undefined),
)

/** From here on in another thread. Below, handing it over costs the event loop as much as the work itself. */
const LARGE = 16_384
/** Before what is compressed: the length of what it was, and its CRC-32, because Brotli has no checksum. */
const PREAMBLE = 8

/** Undefined where that would not make it smaller. */
export async function compress({ compress, options }: Algorithm, bytes: Buffer): Promise<Buffer | undefined> {
  const compressed = await run(compress, bytes, options, bytes.length)
  if (PREAMBLE + compressed.length >= bytes.length) return undefined
  const preamble = Buffer.alloc(PREAMBLE)
  preamble.writeUInt32BE(bytes.length)
  preamble.writeUInt32BE(zlib.crc32(bytes), 4)
  return Buffer.concat([preamble, compressed])
}

/** Throws for what is damaged, and for what would be more than it says, or than `most`: before it is. */
export async function decompress(letter: string, compressed: Buffer, most: number): Promise<Buffer> {
  const algorithm = [...ALGORITHMS.values()].find((one) => one.letter === letter)
  if (algorithm === undefined) throw new Error('an unknown compression')
  const length = compressed.readUInt32BE()
  if (length > most) throw new Error('more than may be')
  // With room to spare: where all of it is used, zlib allocates as much again before it finds that there is no more.
  const options = { maxOutputLength: length, chunkSize: length + 64 }
  const bytes = await run(algorithm.decompress, compressed.subarray(PREAMBLE), options, length)
  if (bytes.length !== length || zlib.crc32(bytes) !== compressed.readUInt32BE(4)) throw new Error('damaged')
  return bytes
}

function run(
  [sync, async]: readonly [Sync, Async],
  bytes: Buffer,
  options: object,
  length: number,
): Buffer | Promise<Buffer> {
  return length < LARGE ? sync(bytes, options) : promisify(async)(bytes, options)
}

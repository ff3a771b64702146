import { promisify } from 'node:util'
import zlib, { constants, crc32 } from 'node:zlib'

type Sync = (bytes: Buffer, options: object) => Buffer
type Async = (bytes: Buffer, options: object) => Promise<Buffer>

export interface Algorithm {
  /** In the stored form's marker. */
  readonly letter: string
  readonly compress: readonly [Sync, Async]
  readonly decompress: readonly [Sync, Async]
  readonly options: object
}

/** What the types of the oldest Node.js that is supported do not know. */
interface Zstd {
  readonly zstdCompress: typeof zlib.gzip
  readonly zstdCompressSync: Sync
  readonly zstdDecompress: typeof zlib.gunzip
  readonly zstdDecompressSync: Sync
  readonly constants: { readonly ZSTD_c_compressionLevel: number }
}

const zstd = zlib as unknown as Zstd

/**
 * Those that this Node.js has, each at its fastest: slower levels make JSON smaller by a few per cent, and take several
 * times as long.
 */
export const ALGORITHMS: ReadonlyMap<string, Algorithm> = new Map<string, Algorithm>([
  [
    'gzip',
    {
      letter: 'g',
      compress: [zlib.gzipSync, promisify(zlib.gzip)],
      decompress: [zlib.gunzipSync, promisify(zlib.gunzip)],
      options: { level: 1 },
    },
  ],
  [
    'brotli',
    {
      letter: 'b',
      compress: [zlib.brotliCompressSync, promisify(zlib.brotliCompress)],
      decompress: [zlib.brotliDecompressSync, promisify(zlib.brotliDecompress)],
      options: { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } },
    },
  ],
  ...(zstd.zstdCompress === undefined
    ? []
    : ([
        [
          'zstd',
          {
            letter: 'z',
            compress: [zstd.zstdCompressSync, promisify(zstd.zstdCompress)],
            decompress: [zstd.zstdDecompressSync, promisify(zstd.zstdDecompress)],
            options: { params: { [zstd.constants.ZSTD_c_compressionLevel]: 1 } },
          },
        ],
      ] as const)),
])

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
  preamble.writeUInt32BE(crc32(bytes), 4)
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
  if (bytes.length !== length || crc32(bytes) !== compressed.readUInt32BE(4)) throw new Error('damaged')
  return bytes
}

function run(
  [sync, async]: readonly [Sync, Async],
  bytes: Buffer,
  options: object,
  length: number,
): Buffer | Promise<Buffer> {
  return length < LARGE ? sync(bytes, options) : async(bytes, options)
}

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeCommand, RespReader, type RespValue } from '../../src/redis/resp.js'

/** What a value looks like to people: texts as strings, errors by their words. */
type Plain = string | number | null | { readonly error: string } | readonly Plain[]

function plain(value: RespValue): Plain {
  if (Buffer.isBuffer(value)) return value.toString('latin1')
  if (value instanceof Error) return { error: value.message }
  return Array.isArray(value) ? value.map(plain) : (value as number | null)
}

function encode(value: Plain): string {
  if (value === null) return '$-1\r\n'
  if (typeof value === 'number') return `:${value}\r\n`
  if (typeof value === 'string') return `$${value.length}\r\n${value}\r\n`
  if ('error' in value) return `-${value.error}\r\n`
  return `*${value.length}\r\n${value.map(encode).join('')}`
}

function readAll(pieces: readonly Buffer[]): Plain[] {
  const reader = new RespReader()
  return pieces.flatMap((piece) => reader.read(piece)).map(plain)
}

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')

/** All at once, byte by byte, and cut in two at each place. */
function everyWay(text: string): ReadonlyArray<readonly Buffer[]> {
  const all = bytes(text)
  const cuts = Array.from(all, (_, at) => [all.subarray(0, at), all.subarray(at)])
  return [[all], Array.from(all, (byte) => Buffer.of(byte)), ...cuts]
}

describe('the Redis protocol, read from pieces', () => {
  test.each<readonly [string, string, readonly Plain[]]>([
    ['a status', '+PONG\r\n', ['PONG']],
    ['an error', '-NOPERM no\r\n', [{ error: 'NOPERM no' }]],
    ['numbers', ':0\r\n:-7\r\n:9007199254740991\r\n', [0, -7, 9007199254740991]],
    ['a text', '$5\r\nhello\r\n', ['hello']],
    ['an empty text', '$0\r\n\r\n', ['']],
    ['a text with line ends', '$6\r\na\r\nb\r\n\r\n', ['a\r\nb\r\n']],
    ['any bytes', '$4\r\n\0\xff\r\x80\r\n', ['\0\xff\r\x80']],
    ['no text and no list', '$-1\r\n*-1\r\n', [null, null]],
    ['an empty list', '*0\r\n', [[]]],
    ['lists in lists', '*2\r\n*2\r\n$1\r\na\r\n*1\r\n:1\r\n*-1\r\n', [[['a', [1]], null]]],
    ['an error in a list', '*2\r\n-ERR x\r\n$1\r\ny\r\n', [[{ error: 'ERR x' }, 'y']]],
    [
      'an invalidation and the end of a PING',
      '*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n*2\r\n$4\r\npong\r\n$0\r\n\r\n',
      [
        ['message', '__redis__:invalidate', ['a', 'b']],
        ['pong', ''],
      ],
    ],
  ])('%s', (_, text, values) => {
    for (const pieces of everyWay(text)) expect(readAll(pieces)).toEqual(values)
  })

  test('what is not whole yet is kept back', () => {
    const reader = new RespReader()
    expect(reader.read(bytes('+OK\r\n*2\r\n$1\r\na\r\n$3\r\nb')).map(plain)).toEqual(['OK'])
    expect(reader.read(bytes('cd\r'))).toEqual([])
    expect(reader.read(bytes('\n+')).map(plain)).toEqual([['a', 'bcd']])
    expect(reader.read(bytes('\r\n')).map(plain)).toEqual([''])
  })

  test.each([
    ['another protocol', 'HTTP/1.1 400 Bad Request\r\n'],
    ['an empty line', '\r\n'],
    ['no length', '$x\r\n'],
    ['a broken length', '$1.5\r\n'],
    ['no length at all', '*\r\n'],
    ['no number', ':x\r\n'],
    ['a text that goes on where it should end', '$1\r\nab\r\n'],
    ['a length below none', '*-2\r\n'],
    ['a length beyond all reason', '$99999999999\r\n'],
    ['an endless list', '*99999999999\r\n'],
    ['nonsense in a list', '*1\r\n?\r\n'],
  ])('%s is refused', (_, text) => {
    for (const pieces of everyWay(text)) expect(() => readAll(pieces)).toThrow()
  })

  test('whatever a server says arrives, however it is cut', () => {
    const text = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) })
    const { value } = fc.letrec<{ value: Plain }>((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        text,
        fc.integer(),
        fc.constant(null),
        fc.stringMatching(/^[A-Z ]*$/).map((error) => ({ error })),
        fc.array(tie('value'), { maxLength: 4 }),
      ),
    }))
    const property = fc.property(fc.array(value), fc.array(fc.nat()), (values, cuts) => {
      const all = bytes(values.map(encode).join(''))
      const at = cuts.map((cut) => cut % (all.length + 1)).sort((x, y) => x - y)
      const pieces = [0, ...at].map((from, index) => all.subarray(from, at[index] ?? all.length))
      expect(readAll(pieces)).toEqual(values)
    })
    fc.assert(property)
  })

  test('a command is written with lengths in bytes', () => {
    expect(encodeCommand(['subscribe', 'é\0'])).toBe('*2\r\n$9\r\nsubscribe\r\n$3\r\né\0\r\n')
  })
})

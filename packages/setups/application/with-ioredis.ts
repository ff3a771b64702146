import { Redis } from 'ioredis'

export function connect(): Redis | undefined {
  return new Redis(Number(process.env['REDIS_PORT']), '127.0.0.1')
}

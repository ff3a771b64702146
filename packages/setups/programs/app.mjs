import { createServer } from 'node:http'
import { trace } from '@opentelemetry/api'
import { createCache } from '@otel-cache/core'
import { Redis } from 'ioredis'
import { openShop } from './shop.cjs'

await openShop({ createServer, Redis, createCache, trace })

const { createServer } = require('node:http')
const { trace } = require('@opentelemetry/api')
const { createCache } = require('@otel-cache/core')
const { Redis } = require('ioredis')
const { openShop } = require('./shop.cjs')

openShop({ createServer, Redis, createCache, trace })

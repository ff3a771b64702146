export { freePort } from './free-port.js'
export { type PrometheusOptions, type PrometheusServer, type Sample, startPrometheus } from './prometheus.js'
export { type RedisOptions, type RedisServer, startRedis } from './redis.js'

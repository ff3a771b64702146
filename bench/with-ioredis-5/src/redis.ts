export { redisBusDriver, redisDriver } from 'bentocache/drivers/redis'
export { Cluster, Redis } from 'ioredis'

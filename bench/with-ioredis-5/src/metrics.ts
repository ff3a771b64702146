export { prometheusPlugin } from '@bentocache/plugin-prometheus'
export { Registry } from 'prom-client'

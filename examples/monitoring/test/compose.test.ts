// Docker cannot be had wherever the tests run. What can be wrong without it: a name, a path, a port.
import { existsSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'

interface Service {
  readonly image: string
  readonly command?: string
  readonly working_dir?: string
  readonly network_mode?: string
  readonly environment?: Readonly<Record<string, string>>
  readonly volumes?: readonly string[]
  readonly depends_on?: readonly string[]
  readonly ports?: readonly string[]
}

const read = (name: string) => parse(readFileSync(new URL(`../${name}`, import.meta.url), 'utf8'), { strict: true })
const { services } = read('compose.yml') as { services: Readonly<Record<string, Service>> }
const names = Object.keys(services)

/** Each mount of a service: where it comes from, and where it is seen. */
function mounts({ volumes = [] }: Service): Array<{ from: URL; to: string }> {
  return volumes.map((volume) => {
    const [from = '', to = '', mode] = volume.split(':')
    expect(mode, volume).toBe('ro')
    return { from: new URL(`../${from}`, import.meta.url), to }
  })
}

/** What a path inside of a container is outside of it. */
function outside(service: Service, path: string): string | undefined {
  const mount = mounts(service).find(({ to }) => path === to || path.startsWith(`${to}/`))
  return mount && mount.from.pathname.replace(/\/$/, '') + path.slice(mount.to.length)
}

test.each(Object.entries(services))('%s is made of what exists', (_, service) => {
  expect(service.image).toMatch(/^[\w/-]+:[\w.-]+$/)
  for (const { from } of mounts(service)) expect(existsSync(from), from.pathname).toBe(true)
  for (const name of service.depends_on ?? []) expect(names).toContain(name)
  if (service.network_mode) expect(names).toContain(service.network_mode.replace('service:', ''))
  // Programs, and the configuration that Prometheus is given.
  const paths = service.command?.match(/(?<=[ =]|^)[./\w-]+\.(?:js|yml)/g) ?? []
  for (const path of paths) {
    const file = outside(service, posix.resolve(service.working_dir ?? '/', path))
    expect(file && existsSync(file), path).toBe(true)
  }
  expect(paths.length > 0).toBe(service.command !== undefined)
})

test('addresses name services, and no port is published twice', () => {
  const url = read('grafana/datasource.yml').datasources[0].url
  const urls = [url, services['service']?.environment?.['REDIS_URL'], services['traffic']?.command?.split(' ').at(-1)]
  for (const url of urls) expect(names).toContain(new URL(url ?? '').hostname)
  // Prometheus has the network of the service, so it is found by the service's name.
  expect(services['prometheus']?.network_mode).toBe(`service:${new URL(url).hostname}`)
  const published = Object.values(services).flatMap(({ ports = [] }) => ports.map((port) => port.split(':')[0]))
  expect(new Set(published).size).toBe(published.length)
})

test('Grafana looks for dashboards where docs/monitoring is', () => {
  const grafana = services['grafana'] as Service
  const path = read('grafana/dashboards.yml').providers[0].options.path
  expect(outside(grafana, path)).toMatch(/\/docs\/monitoring$/)
})

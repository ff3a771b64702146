// What a registry shows of a package, and what its users are owed: licence, origin, links that lead somewhere.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const REPOSITORY = 'https://github.com/otel-cache/otel-cache'
/** Files of the repository, as a README on a registry names them: as a page, or as it is. */
const OWN_FILE =
  /^https:\/\/(?:github\.com\/otel-cache\/otel-cache\/blob|raw\.githubusercontent\.com\/otel-cache\/otel-cache)\/main\//

/**
 * Complaints about a package.
 *
 * @param {string} folder where its tarball was unpacked
 * @param {string} name its folder in `packages`
 * @param {string} root the workspace
 */
export function complainAboutContents(folder, name, root) {
  const read = (path) => (existsSync(path) ? readFileSync(path, 'utf8') : '')
  const manifest = JSON.parse(read(join(folder, 'package.json')))
  const complaints = []
  const expect = (what, found, expected) => {
    const [one, other] = [found, expected].map((value) => JSON.stringify(value))
    if (one !== other) complaints.push(`${what} is ${one}, not ${other}`)
  }
  expect('license', manifest.license, 'MIT')
  expect('repository', manifest.repository, {
    type: 'git',
    url: `git+${REPOSITORY}.git`,
    directory: `packages/${name}`,
  })
  expect('publishConfig', manifest.publishConfig, { access: 'public', provenance: true })
  if (read(join(folder, 'LICENSE')) !== read(join(root, 'LICENSE'))) complaints.push("LICENSE is not the repository's")
  const source = read(join(folder, 'dist/version.js'))
  if (source !== '' && !source.includes(`'${manifest.version}'`)) {
    complaints.push(`src/version.ts does not say ${manifest.version}, as package.json does`)
  }
  const readme = read(join(folder, 'README.md'))
  if (readme === '') complaints.push('there is no README.md')
  for (const [, link] of readme.matchAll(/\]\(([^)\s]+)/g)) complaints.push(...complainAboutLink(link, root))
  for (const [, link] of readme.matchAll(/(?:href|src)="([^"]+)"/g)) complaints.push(...complainAboutLink(link, root))
  return complaints
}

/** On a registry's page a relative link leads nowhere. */
function complainAboutLink(link, root) {
  if (link.startsWith('#')) return []
  if (!/^https?:/.test(link))
    return [`README.md links to ${link}, which a registry does not have: name it at ${REPOSITORY}`]
  const path = link.replace(OWN_FILE, '').replace(/#.*/, '')
  if (OWN_FILE.test(link) && !existsSync(join(root, path))) return [`README.md links to ${link}, which is not there`]
  return []
}

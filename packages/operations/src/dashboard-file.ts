import { dashboard } from './dashboard.js'

/** What Grafana imports, from `src` as from `dist`. */
export const DASHBOARD_FILE: URL = new URL('../../../docs/monitoring/dashboard.json', import.meta.url)

/** What that file must say. */
export function dashboardText(): string {
  return `${JSON.stringify(dashboard(), undefined, 2)}\n`
}

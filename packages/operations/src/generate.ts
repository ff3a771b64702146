// Writes docs/monitoring/dashboard.json: pnpm --filter @otel-cache/operations generate
import { writeFileSync } from 'node:fs'
import { DASHBOARD_FILE, dashboardText } from './dashboard-file.js'

writeFileSync(DASHBOARD_FILE, dashboardText())

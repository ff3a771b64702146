import { writeReport } from './report/write-report.js'

await writeReport()

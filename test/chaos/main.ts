/** `npm run test:chaos -- [--json] [--kills 20] [--seed 1] [--sessions 64]` */
import { parseArgs } from 'node:util'
import { killRun } from './kill.ts'

const { values } = parseArgs({
  options: {
    json: { type: 'boolean' },
    kills: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    sessions: { type: 'string', default: '64' },
  },
})
const report = await killRun({
  kills: Number(values.kills),
  seed: Number(values.seed),
  sessions: Number(values.sessions),
  say: line => void process.stderr.write(`${line}\n`),
})
const { audit, ...run } = report
if (values.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
else
  process.stdout.write(
    `${run.kills.length} kills in ${run.seconds.toFixed(0)} s, ${run.decisions} decisions: ${audit.balanced ? 'balanced' : `NOT BALANCED, ${audit.differences.length} differences`}\n`,
  )
process.exit(audit.balanced ? 0 : 1)

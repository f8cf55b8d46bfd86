/**
 * `npm run test:deploy [-- --only PART]`: the deploy files against the real things. It needs what a machine may lack (a
 * Kubernetes API server, a container engine, promtool), so it is not part of `npm test`; a missing tool is a failure that
 * says how to get it, and `--only` leaves parts out in the open.
 */
import { parseArgs } from 'node:util'
import { brokerPart } from './broker.ts'
import { chartPart } from './chart/chart.ts'
import { composePart, grafanaPart } from './compose/compose.ts'
import { loopPart } from './compose/loop.ts'
import { drillPart } from './drill/drill.ts'
import { imagePart } from './image/image.ts'
import { metricsPart } from './metrics.ts'
import type { Part } from './parts.ts'
import { rulesPart } from './rules.ts'
import { securityPart } from './security.ts'

const parts: readonly Part[] = [
  chartPart,
  rulesPart,
  metricsPart,
  drillPart,
  imagePart,
  composePart,
  grafanaPart,
  brokerPart,
  loopPart,
  securityPart,
]
const { values } = parseArgs({ options: { only: { type: 'string', multiple: true } } })
const wanted = parts.filter(part => !values.only || values.only.includes(part.name))
if (wanted.length < (values.only?.length ?? 1))
  throw new Error(`the parts are ${parts.map(part => part.name).join(', ')}`)

let passed = 0
let failed = 0
for (const part of wanted) {
  const began = performance.now()
  const seconds = () => `${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s`
  const say = (what: string) => {
    passed++
    console.log(`ok   ${seconds()}  ${part.name}: ${what}`)
  }
  try {
    await part.run(say)
  } catch (error) {
    failed++
    console.log(`FAIL ${seconds()}  ${part.name}: ${(error as Error).message}`)
  }
}
const left = parts.filter(part => !wanted.includes(part)).map(part => part.name)
if (left.length > 0) console.log(`left out by --only: ${left.join(', ')}`)
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1

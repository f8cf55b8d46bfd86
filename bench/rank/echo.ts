/**
 * The floor: answers each request with a canned decision of the ranker's size, with the ids exchanged, by the same chain
 * stage on the same topics. No state, no scores, no chance; decoding of requests and encoding of decisions remain.
 * Run as `echo.ts CONFIG DECISIONS`, a JSON file of decisions by their number of candidates; says `ready` to its parent.
 */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Recommendation, Request } from '../../schemas/records.ts'
import { openContext } from '../../src/commands/shared.ts'
import { loadConfig } from '../../src/config.ts'
import { runChainStage } from '../../src/operate/chain-stage.ts'
import { collectAll, suitCollector } from '../../src/operate/collector.ts'
import type { Input, Output, Stage, StageState } from '../../src/stage.ts'
import { seedOf } from '../../src/state/random.ts'

type Canned = Readonly<Record<number, Recommendation>>

const echo = (canned: Canned): Stage<StageState> => ({
  name: 'ranker',
  open: () => ({ commit() {}, discard() {} }),
  step: (_state, inputs, { timeMs }) => ({
    outputs: inputs.filter(({ topic }) => topic === 'requests').map(input => answer(canned, input, timeMs)),
    refusals: [],
    counts: [],
  }),
  fold() {},
})

function answer(canned: Canned, { value }: Input, timeMs: number): Output<Recommendation> {
  const request = value as Request
  const decision = {
    ...canned[request.candidates!.length],
    decision_id: request.request_id,
    user_id: request.user_id,
    session_id: request.user_id,
    request_time_ms: request.time_ms,
    decision_time_ms: timeMs,
    deadline_ms: request.deadline_ms,
    seed: seedOf(request.request_id),
    deferred: request.deferred,
  }
  return { key: request.user_id, value: decision }
}

suitCollector(['ranker'], false)
const [configFile, decisionsFile] = process.argv.slice(2)
const canned = JSON.parse(readFileSync(decisionsFile, 'utf8')) as Canned
const context = await openContext(loadConfig(configFile, process.env))
const running = await runChainStage(context, {
  name: 'ranker',
  stage: () => echo(canned),
  assigned: ['requests', 'events', 'profiles'],
  inputs: partition => [
    { topic: 'profiles', partition },
    { topic: 'events', partition },
    { topic: 'requests', partition },
  ],
  view: () => undefined,
})
while (running.waitingFor() !== '') await sleep(50)
// as the ranker does before it begins
collectAll()
process.send!('ready')
process.once('SIGTERM', () => void running.stop().then(() => process.exit(0)))
await running.done

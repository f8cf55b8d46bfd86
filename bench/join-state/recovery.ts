/**
 * A joiner on an embedded log takes in so many decisions, and its state is abandoned as a kill leaves it: without its last
 * second. Then a task recovers, once from what is on disk and once from the topics alone.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { parseConfig } from '../../src/config.ts'
import { recover } from '../../src/log/chain/recover.ts'
import { startTask, type TaskOptions } from '../../src/log/chain/task.ts'
import { createWriter } from '../../src/log/chain/writer.ts'
import { localState } from '../../src/operate/local-state.ts'
import { joinerCodecs, joinerVersion } from '../../src/transitions/codec.ts'
import { joinersWire } from '../../src/transitions/decision.ts'
import type { JoinerState } from '../../src/transitions/state.ts'
import { createJoiner } from '../../src/transitions/step.ts'
import { openEmbeddedBench } from '../embedded.ts'
import { numbered } from './load.ts'

export interface RecoveryResult {
  readonly open: number
  /** Steps that were not on disk. */
  readonly tailRecords: number
  readonly localSeconds: number
  readonly topicsSeconds: number
}

const BATCH = 1000
const { folder, open } = JSON.parse(process.argv[2]) as { folder: string; open: number }
const prefix = 'bench.'
const config = parseConfig({ state: { folder } })
const { log, io, wire, meter, logger } = await openEmbeddedBench(prefix)
const store = { stage: 'joiner', version: joinerVersion(config), codecs: joinerCodecs } as const
const openStore = localState({ config, logger, meter, now: Date.now }, store)

const optionsWith = (onDisk: boolean): TaskOptions<JoinerState, undefined> => ({
  log,
  wire: joinersWire(wire),
  meter,
  logger,
  stage: createJoiner(config, onDisk ? openStore : undefined),
  prefix,
  inputs: [
    { topic: 'recommendations', partition: 0 },
    { topic: 'events', partition: 0 },
  ],
  output: { topic: 'transitions', partition: 0 },
  view: () => undefined,
  now: Date.now,
  step: { ...config.step, intervalMs: 0 },
})
const recovered = async (onDisk: boolean) => {
  const begun = performance.now()
  const session = await recover({
    options: optionsWith(onDisk),
    io,
    squeeze: { records: BATCH, time: 1 },
    notify: () => {},
  })
  const seconds = (performance.now() - begun) / 1000
  const { size } = session.state.joins
  if (size !== open) throw new Error(`${size} of ${open} joins came back`)
  return { seconds, session }
}

const load = numbered(Date.now() - 6 * 86_400_000 - 3_600_000)
const writer = createWriter(
  io,
  { topic: `${prefix}recommendations`, partition: 0 },
  { head: null, end: 0, partitions: 1 },
)
const options = optionsWith(true)
const abandoned = async (partition: number) => ({ ...(await options.stage.open(partition)), close: undefined })
const task = startTask({ ...options, stage: { ...options.stage, open: abandoned } })
await task.ready
const content = { inputs: [], tick: { timeMs: 0, watermarkMs: -1 } }
for (let index = 0; index < open; index += BATCH) {
  const records = Array.from({ length: Math.min(BATCH, open - index) }, (_, i) => {
    const decision = load.decision(index + i)
    const value = wire.encode('recommendations', decision)
    return { key: Buffer.from(decision.user_id), value, timestampMs: decision.request_time_ms }
  })
  await writer.append(io.rim.randomId(), content, records)
}
const joined = async () => (await log.ends(`${prefix}transitions`, 0)).latest >= open
while (!(await joined())) await io.rim.sleep(50)
await task.stop()

const { seconds: localSeconds, session } = await recovered(true)
const tailRecords = (await log.ends(`${prefix}transitions`, 0)).latest - (session.state.openedAt?.head.offset ?? 0)
await session.close()
const { seconds: topicsSeconds } = await recovered(false)
await rm(join(folder), { recursive: true, force: true })
const result: RecoveryResult = { open, tailRecords, localSeconds, topicsSeconds }
process.stdout.write(JSON.stringify(result), () => process.exit(0))

/**
 * Made-up people for a deployed loop (compose.yaml, profile `traffic`): they ask, look, and click by the probabilities
 * of the demo's world until SIGTERM or for SECONDS. The stages are elsewhere; this only writes and reads topics.
 *
 *   node deploy/traffic.ts CONFIG [SECONDS]
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { configOf, openContext, printJson } from '../src/commands/shared.ts'
import { publishWorld, startDrive } from '../src/environments/drive.ts'
import { openEnvironment } from '../src/environments/open.ts'
import { settle } from '../src/operate/settle.ts'

const [file, seconds] = process.argv.slice(2)
const context = await openContext(configOf({ config: file }))
const environment = openEnvironment('recogym')
const place = { environment, log: context.log, wire: context.wire, prefix: context.config.topics.prefix }
const ended = new Promise<void>(resolve => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve())
})
await publishWorld(place)
await settle(context, ['features'], 60_000)
const drive = await startDrive({ ...place, seed: 1, sessions: 32, run: `${randomBytes(4).toString('hex')}-` })
await Promise.race([ended, drive.done, ...(seconds ? [sleep(Number(seconds) * 1000)] : [])])
await drive.stop()
const { decisions, events } = drive.stats()
printJson({ decisions, events })
await context.close()

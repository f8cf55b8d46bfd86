/** Finds or starts a Kafka for the suites, says where it is, and stops it when the runner lets go or is gone. */
import { findBus } from '../../src/log/open.ts'
import { createLogger } from '../../src/operate/context.ts'
import type { Answer } from './broker.ts'

const released = new Promise<void>(resolve => process.once('disconnect', () => resolve()))
const tell = (answer: Answer) => void process.send?.(answer)

try {
  const bus = await findBus({ kind: 'kafka', logger: createLogger('warn') })
  tell({ brokers: bus.brokers!.join(','), place: bus.place })
  await released
  await bus.stop()
} catch (error) {
  tell({ reason: (error as Error).message })
  process.exitCode = 1
  process.disconnect?.()
}

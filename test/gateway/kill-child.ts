/** A gateway on Kafka that kills itself at a point on the way of a call: `node kill-child.ts POINT CONFIG`. Prints its port. */
import { pino } from 'pino'
import { type ConfigInput, parseConfig } from '../../src/config.ts'
import { runGateway } from '../../src/gateway/service.ts'
import { openKafkaLog } from '../../src/log/kafka/kafka.ts'
import type { Log } from '../../src/log/log.ts'
import { createWire } from '../../src/log/wire/create.ts'
import { createMeter } from '../../src/metrics.ts'
import { createLogger } from '../../src/operate/context.ts'
import { topicName } from '../../src/pipeline.ts'
import type { Point } from './kill-points.ts'

const point = process.argv[2] as Point
const config = parseConfig(JSON.parse(process.argv[3]!) as ConfigInput)
const { prefix } = config.topics
const topic = (name: 'requests' | 'recommendations' | 'events') => topicName(prefix, name)
const dieAt = (at: Point): void => {
  if (at === point) process.kill(process.pid, 'SIGKILL')
}

const kafka = await openKafkaLog({
  brokers: config.kafka.brokers,
  clientId: 'killed',
  logger: pino({ level: 'silent' }),
})
let asked = false
const stored = Promise.withResolvers<void>()
const log: Log = {
  ...kafka,
  async append(name, ...rest) {
    if (name === topic('requests')) {
      asked = true
      dieAt('asked')
    }
    if (name === topic('events')) dieAt('delivered')
    const offset = await kafka.append(name, ...rest)
    if (name === topic('requests')) {
      dieAt('stored')
      stored.resolve()
    }
    if (name === topic('events')) dieAt('activated')
    return offset
  },
  async read(name, ...rest) {
    const records = await kafka.read(name, ...rest)
    if (asked && name === topic('recommendations') && records.length > 0) {
      // a decision may be there before the acknowledgement of its request is
      await stored.promise
      dieAt('decided')
    }
    return records
  },
}
const wire = await createWire({ prefix })
const gateway = await runGateway({
  config,
  log,
  wire,
  meter: createMeter(),
  logger: createLogger('silent'),
  now: Date.now,
})
while (gateway.waitingFor() !== '') await new Promise(resolve => setTimeout(resolve, 5))
process.stdout.write(`${gateway.port}\n`)

/** What a bench of recovery runs on: topics of one partition in this process, and what reads and writes them. */
import pino from 'pino'
import { type ChainIo, realRim } from '../src/log/chain/rim.ts'
import { chainRules } from '../src/log/chain/rules.ts'
import { openEmbeddedLog } from '../src/log/embedded/embedded.ts'
import { applyTopics, topicSpecs } from '../src/log/topics.ts'
import { createWire } from '../src/log/wire/create.ts'
import { createMeter } from '../src/metrics.ts'

export async function openEmbeddedBench(prefix: string) {
  const log = openEmbeddedLog()
  await applyTopics(log, topicSpecs({ prefix, partitions: 1, policies: 1, replicationFactor: 1 }))
  const io: ChainIo = { log, rim: realRim(Date.now), rules: chainRules }
  const logger = pino({ level: 'info' }, pino.destination(2))
  return { log, io, wire: await createWire({ prefix }), meter: createMeter(), logger }
}

/**
 * `npm run test:long [-- SUITE…]`: the suites that draw random histories and slates, with many more of them than in `npm test`, and
 * overload for longer, on a real Kafka too. FEEDLOOP_SEEDS (simulated loops; ten times as many simulated chains), FEEDLOOP_RUNS
 * (cases of a property) and FEEDLOOP_OVERLOAD_S (seconds, at each door) say how many.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startBroker } from './test/broker.ts'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const numbers = { FEEDLOOP_SEEDS: '10000', FEEDLOOP_RUNS: '100000', FEEDLOOP_OVERLOAD_S: '60' }
const onKafka = 'test/ranker/overload-kafka.test.ts'
const all = [
  'test/simulation/*.test.ts',
  'test/transitions/*.test.ts',
  'test/ranker/constraints/*.test.ts',
  'test/ranker/overload.test.ts',
  onKafka,
]
const asked = process.argv.slice(2)
const suites = asked.length > 0 ? asked : all
const broker = suites.includes(onKafka) ? await startBroker(root) : undefined
if (broker && !broker.brokers) console.error(`no Kafka: ${broker.reason}`)
const env = { ...numbers, ...process.env, ...(broker?.brokers && { KAFKA_BROKERS: broker.brokers }) }
const child = spawn(process.execPath, ['--test', ...suites], { cwd: root, env, stdio: 'inherit' })
const [code] = await once(child, 'close')
await broker?.stop()
process.exitCode = code ?? 1

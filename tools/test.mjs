/**
 * `npm test`: everything that must hold, in one order, nothing cut short by a failure: format, lint, types, the suites
 * that need no broker (two at a time), then the suites on a real Kafka, one after another on one broker. Every suite is
 * a process of its own with a time limit. Where no Kafka can be had its suites fail with the reason: they are never
 * skipped. The last line is `N passed, N failed`; a test that a suite itself skips is named above it and counts nowhere.
 *
 *   npm test -- [--only PATTERN]     suites (and the steps `format`, `lint`, `types`) whose path matches the pattern
 */
import { globSync } from 'node:fs'
import { dirname, join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { startBroker } from './test/broker.ts'
import { createReport } from './test/report.ts'
import { runCommand, runSuite } from './test/suite.ts'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const { values: options } = parseArgs({ options: { only: { type: 'string' } } })
const wanted = name => !options.only || name.includes(options.only) || new RegExp(options.only).test(name)

const bin = name => join(root, 'node_modules', '.bin', name)
const steps = [
  ['format', bin('biome'), ['format', '.']],
  ['lint', bin('biome'), ['check', '--formatter-enabled=false', '.']],
  ['types', bin('tsc'), ['--noEmit']],
]
/** The whole loop is given the machine to itself, on the embedded log too. */
const isLoop = file => file.startsWith('test/pipeline/')
const needsKafka = file => /kafka[^/]*\.test\.ts$/.test(file) || (isLoop(file) && !file.includes('embedded'))
const suites = globSync('test/**/*.test.ts', { cwd: root })
  .map(file => file.split(sep).join('/'))
  .filter(wanted)
  .sort()

if (suites.length === 0 && !steps.some(([name]) => wanted(name))) {
  console.error(`nothing matches --only ${options.only}`)
  process.exit(1)
}
// Only an end that node knows of takes the suites along (tools/test/suite.ts).
for (const [signal, number] of [
  ['SIGINT', 2],
  ['SIGTERM', 15],
])
  process.on(signal, () => process.exit(128 + number))
const report = createReport()
for (const [name, command, args] of steps) if (wanted(name)) report.add(await runCommand(name, command, args, root))
const { KAFKA_BROKERS: _unused, ...withoutBrokers } = process.env
const withoutKafka = suites.filter(file => !needsKafka(file))
/** Thousands of seeds: begun first, so that the other lane does the rest meanwhile, and given time. */
const isLong = file => file.startsWith('test/simulation/')
const hermetic = file => runSuite(file, { root, env: withoutBrokers, limitMs: isLong(file) ? 15 * 60_000 : undefined })
await inTurns(
  2,
  withoutKafka.filter(file => !isLoop(file)).sort((a, b) => isLong(b) - isLong(a)),
  hermetic,
)
await inTurns(1, withoutKafka.filter(isLoop), hermetic)
await onKafka(suites.filter(needsKafka))
process.exitCode = report.end() ? 0 : 1

async function onKafka(files) {
  if (files.length === 0) return
  const broker = await startBroker(root)
  report.note(broker.brokers ? `Kafka for ${files.length} suites: ${broker.place}` : `no Kafka: ${broker.reason}`)
  const env = { ...process.env, KAFKA_BROKERS: broker.brokers }
  try {
    if (broker.brokers) await inTurns(1, files, file => runSuite(file, { root, env, limitMs: 10 * 60_000 }))
    else for (const file of files) report.refused(file, broker.reason)
  } finally {
    await broker.stop()
  }
}

async function inTurns(lanes, files, run) {
  const queue = [...files]
  const lane = async () => {
    for (let file = queue.shift(); file; file = queue.shift()) report.add(await run(file))
  }
  await Promise.all(Array.from({ length: lanes }, lane))
}

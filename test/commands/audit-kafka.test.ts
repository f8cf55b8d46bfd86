/** `feedloop audit` as a script meets it, against a real Kafka: 0 where all is accounted for, 1 with the ids where not. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import pino from 'pino'
import { stringify } from 'yaml'
import { type Bus, findBus } from '../../src/log/open.ts'
import { createWorld, type World, writeWorldTo } from '../evaluation/world.ts'
import { decision, makeConfig, outcome } from '../transitions/make.ts'

const folder = mkdtempSync(join(tmpdir(), 'feedloop-audit-'))
const main = join(import.meta.dirname, '../../src/main.ts')
const PORT = 20_000 + (process.pid % 20_000)
let bus: Bus
before(async () => {
  bus = await findBus({ kind: 'kafka', logger: pino({ level: 'warn' }) })
})
after(async () => {
  rmSync(folder, { recursive: true })
  await bus?.stop()
})

/** Writes a small finished loop, damaged first. @returns its configuration file */
async function written(damage: (world: World) => void): Promise<string> {
  const base = makeConfig()
  const topics = { ...base.topics, prefix: `audit-${randomBytes(4).toString('hex')}.`, partitions: 1 }
  const config = {
    ...base,
    topics,
    kafka: { ...base.kafka, brokers: [...bus.brokers!] },
    http: { ...base.http, host: '127.0.0.1', port: PORT },
  }
  const decisions = [decision('d0', 0), decision('d1', 1), decision('d2', 2)]
  const world = createWorld(config, decisions, [outcome('click', 'd0', 3)])
  damage(world)
  await writeWorldTo(bus.log, world)
  const file = join(folder, 'feedloop.yaml')
  writeFileSync(file, stringify(config))
  return file
}

async function audited(damage: (world: World) => void, ...flags: string[]) {
  const file = await written(damage)
  const child = spawn(process.execPath, [main, 'audit', '-c', file, ...flags], { stdio: ['ignore', 'pipe', 'pipe'] })
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { code: child.exitCode, stdout, stderr }
}

/** One transition lost, one with another reward; the model has what there is. */
function damage(world: World): void {
  world.transitions = world.transitions.filter(each => each.decision_id !== 'd1')
  const last = world.transitions.length - 1
  world.transitions[last] = { ...world.transitions[last]!, delta: { click: 5 }, cumulative: { click: 5 } }
  const contains = [{ topic: 'transitions', partition: 0, next: world.transitions.length }]
  world.model = { transitions: world.transitions.length, contains }
}

test('balanced: 0', async () => {
  const { code, stdout, stderr } = await audited(() => {})
  assert.equal(code, 0, stderr)
  assert.match(stdout, /\nEvery decision and every outcome is accounted for\.\n$/)
})

test('not balanced: 1, each id with what was expected and found, and the code', async () => {
  const { code, stdout, stderr } = await audited(damage)
  assert.equal(code, 1)
  assert.match(stdout, /^transition_missing {2}d1\/0: expected \{\}, found none$/m)
  assert.match(stdout, /^reward_differs {2}d2\/0: expected \{\}, found \{"click":5\}$/m)
  assert.match(stdout, /\nNOT BALANCED: 2 differences\.\n$/)
  assert.match(stderr, /^BALANCE_BROKEN: 2 differences, listed above$/m)
})

test('`watch`: again and again, the balance is at /metrics, differences do not end it, SIGTERM does', async () => {
  const file = await written(damage)
  const child = spawn(process.execPath, [main, 'watch', '-c', file, '--audit-every', '1'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const found = Promise.withResolvers<void>()
  child.stdout.on('data', data => String(data).includes('NOT BALANCED: 2 differences.') && found.resolve())
  await found.promise
  const metrics = async () => (await fetch(`http://127.0.0.1:${PORT}/metrics`)).text()
  while (!/^feedloop_accounting_differences 2$/m.test(await metrics())) await turn()
  const text = await metrics()
  assert.match(text, /^feedloop_accounting_records\{account="decisions",fate="total"\} 3$/m)
  assert.match(text, /^feedloop_accounting_records\{account="outcomes",fate="joined"\} 1$/m)
  assert.match(text, /^feedloop_accounting_timestamp_seconds [1-9]/m)
  child.kill('SIGTERM')
  await once(child, 'close')
  assert.equal(child.exitCode, 0)
})

test('as JSON: 1, and the same ids', async () => {
  const { code, stdout } = await audited(damage, '--json')
  assert.equal(code, 1)
  const { balanced, found, differences } = JSON.parse(stdout)
  assert.deepEqual([balanced, found], [false, 2])
  assert.deepEqual(differences.map(({ what, id }: { what: string; id: string }) => `${what} ${id}`).sort(), [
    'reward_differs d2/0',
    'transition_missing d1/0',
  ])
})

/** A service stops, and says why another failed, also while what it reads whole cannot be read. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import type { Gauge } from 'prom-client'
import { type ConfigInput, parseConfig } from '../../src/config.ts'
import { FeedloopError, isCode } from '../../src/errors.ts'
import { runLearner } from '../../src/learner/service.ts'
import type { GroupHandlers, Log } from '../../src/log/log.ts'
import { type MetricEntry, metricTable } from '../../src/metric-table.ts'
import { runAssigned } from '../../src/operate/assigned.ts'
import type { ServiceContext } from '../../src/operate/context.ts'
import { startServices, stopServices } from '../../src/operate/run.ts'
import type { TopicName } from '../../src/pipeline.ts'
import { chainOf, openBus } from '../models/bus.ts'
import { openLive, publishItems, request } from './live.ts'

const prefix = 's.'
/** Far below the 20 s that a process has to drain. */
const limit = { timeout: 8_000 }

/** A bus whose topics `away`, which may grow later, cannot be read. */
async function busWithout(away: readonly TopicName[], config: ConfigInput = {}): Promise<ServiceContext> {
  const context = await openBus(parseConfig({ topics: { prefix, partitions: 1 }, ...config }))
  const unlessAway = <A extends unknown[], R>(call: (topic: string, ...rest: A) => Promise<R>) => {
    return async (topic: string, ...rest: A): Promise<R> => {
      if (!away.some(name => topic === prefix + name)) return call(topic, ...rest)
      throw new FeedloopError('LOG_UNAVAILABLE', 'away')
    }
  }
  const { log } = context
  return { ...context, log: { ...log, read: unlessAway(log.read), ends: unlessAway(log.ends) } }
}

for (const [stage, topic] of [
  ['ranker', 'features'],
  ['ranker', 'models'],
  ['ranker', 'releases'],
  ['learner', 'features'],
  ['gate', 'releases'],
] as const)
  test(`the ${stage} stops while ${topic} cannot be read`, limit, async () => {
    const running = await startServices(await busWithout([topic]), [stage])
    await sleep(100)
    assert.notEqual(running[0].waitingFor(), '')
    await stopServices(running)
    await running[0].done
  })

test('of a partition that is let go no gauge is left: whoever has it now shows it', { timeout: 30_000 }, async t => {
  const loop = await openLive(t)
  const gauges = (Object.entries(metricTable) as [string, MetricEntry][])
    .filter(([, { type, labels }]) => type === 'gauge' && labels?.includes('partition'))
    .map(([name]) => name)
  const shown = async (): Promise<string[]> => {
    const { registry } = loop.context.meter
    const all = await Promise.all(gauges.map(name => (registry.getSingleMetric(name) as Gauge).get()))
    return gauges.filter((_, n) => all[n].values.length > 0)
  }
  await publishItems(loop, ['a'])
  await loop.start()
  await loop.append('requests', 'anna', request('anna'))
  await loop.settled()
  // That of snapshots follows their first append.
  while (!(await shown()).includes('feedloop_snapshots_waiting')) await sleep(10)
  for (const name of ['recovery_progress', 'snapshot_load_progress', 'open_joins'])
    assert.ok((await shown()).includes(`feedloop_${name}`), name)
  await loop.stop()
  assert.deepEqual(await shown(), [])
})

test('the gate stops while it cannot read where it stood', limit, async () => {
  const away: TopicName[] = []
  const running = await startServices(await busWithout(away), ['gate'])
  away.push('releases')
  await sleep(100)
  await stopServices(running)
})

test('the learner gives up a step that waits for vectors, and publishes nothing by it', limit, async () => {
  const away: TopicName[] = []
  const context = await busWithout(away)
  const asked = Promise.withResolvers<void>()
  const ends: Log['ends'] = (topic, partition) => {
    if (topic === `${prefix}features` && away.length > 0) asked.resolve()
    return context.log.ends(topic, partition)
  }
  const running = await runLearner({ ...context, log: { ...context.log, ends } })
  while (running.waitingFor() !== '') await turn()
  away.push('features')
  await chainOf(context, 'transitions')(Buffer.from('no record'))
  await asked.promise
  await running.stop()
  await running.done
  assert.equal((await context.log.ends(`${prefix}models`, 0)).latest, 0)
})

test('what keeps one service from starting is told while another waits for its topics', limit, async () => {
  const onnx = { encoder: 'onnx', onnx: { folder: 'there is none' } } as const
  const context = await busWithout(['features', 'releases'], { features: onnx })
  await assert.rejects(
    startServices(context, ['features', 'ranker', 'learner', 'gate']),
    error => isCode(error, 'DEPENDENCY_MISSING') || isCode(error, 'DATA_MISSING'),
  )
})

test('an assignment that comes while it stops starts nothing', limit, async () => {
  let handlers!: GroupHandlers
  const started: number[] = []
  const leave = async () => handlers.assigned([0, 1])
  const log = {
    join: async (_group, _topics, given) => {
      handlers = given
      return { commit: async () => {}, leave }
    },
  } as Pick<Log, 'join'> as Log
  const assigned = await runAssigned(log, {
    group: 'g',
    topics: ['t'],
    start: partition => {
      started.push(partition)
      return { done: new Promise(() => {}), stop: async () => {} }
    },
  })
  await handlers.assigned([0])
  await assigned.stop()
  assert.deepEqual(started, [0])
})

/** What is done to the running loop, in this order, and the alerts that must see it. */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Kafka, logLevel } from 'kafkajs'
import type { Log } from '../../../src/log/log.ts'
import { orderRelease } from '../../../src/operate/release.ts'
import { topicName } from '../../../src/pipeline.ts'
import { call } from '../../operate/metrics-world.ts'
import { items } from './crowd.ts'
import type { Loop } from './loop.ts'

export interface Fault {
  readonly what: string
  /** Alerts, without `Feedloop`, that fire while it lasts. */
  readonly fires: readonly string[]
  /** Those that fire when it is over: what had to wait has waited too long. */
  readonly leaves?: readonly string[]
  /** @returns what ends it */
  make(loop: Loop): Promise<() => Promise<void> | void>
}

const nothing = (): void => {}
const [liked, shown] = items as [string, string]

const order = ({ context }: Loop, mode: 'online' | 'apprentice') =>
  orderRelease(context, { id: randomUUID(), policy: 'default', mode, shares: null, why: 'drill', by: 'test' }, 30_000)

/** The gate anew, with the order carried out while there was none. */
async function inMode(loop: Loop, mode: 'online' | 'apprentice'): Promise<void> {
  await loop.stop('gate')
  await order(loop, mode)
  await loop.start('gate')
}

export const faults: readonly Fault[] = [
  {
    what: 'a record of another kind in requests',
    fires: ['DeadLetters'],
    async make({ context: { log, config } }) {
      const value = Buffer.from('{"not": "Avro"}')
      await log.append(topicName(config.topics.prefix, 'requests'), 0, [{ key: Buffer.from('u'), value }])
      return nothing
    },
  },
  {
    // first of what moves a policy: it is at random yet
    what: 'a learner whose versions are not taken, while people come to like one thing',
    fires: ['NoNewModel'],
    async make({ crowd, hold }) {
      crowd.likes = liked
      const release = hold('learner', 'append', 'models')
      return async () => {
        await sleep(15_000)
        release()
      }
    },
    leaves: ['KlSpike', 'EffectiveSampleSizeLow', 'EntropyCollapse'],
  },
  {
    what: 'a baseline whose propensities nobody knows, for a learner that weighs by them',
    fires: ['LearnerRefusing'],
    async make(loop) {
      await inMode(loop, 'apprentice')
      Object.assign(loop.crowd, { baseline: [shown], likes: shown })
      return () => sleep(15_000)
    },
  },
  {
    what: 'a policy that shows what nobody likes any more, in the place of a baseline that people liked',
    fires: ['ValueBelowBaseline'],
    async make(loop) {
      // what they liked must be over, or the policy would learn it
      loop.crowd.likes = undefined
      await sleep(2000)
      await inMode(loop, 'online')
      loop.crowd.baseline = undefined
      return nothing
    },
  },
  {
    what: 'a joiner whose transitions are not taken',
    fires: ['Lag', 'HeartbeatStale', 'GroupNotConsuming'],
    async make({ crowd, hold }) {
      // outcomes must come, or none is late
      crowd.likes = liked
      return hold('joiner', 'append', 'transitions')
    },
    leaves: ['FreshnessBurnFast', 'FreshnessBurnSlow'],
  },
  {
    what: 'a joiner that begins anew and cannot read what it wrote',
    fires: ['RecoveringLong'],
    async make({ stop, start, hold }) {
      await stop('joiner')
      const release = hold('joiner', 'read', 'transitions')
      await start('joiner')
      return release
    },
  },
  {
    what: 'two joiners, the second of which knows of no first',
    fires: ['Rivals'],
    make({ context: { log }, another }) {
      const alone: Log = { ...log, join: (group, ...rest) => log.join(`${group}.alone`, ...rest) }
      return another('joiner', { log: alone })
    },
  },
  {
    what: 'no ranker',
    fires: ['StageAbsent', 'GatewayRefusing'],
    async make({ stop, start, gateway }) {
      await stop('ranker')
      const asking = setInterval(() => void call(gateway()).catch(() => {}), 200)
      return async () => {
        clearInterval(asking)
        await start('ranker')
      }
    },
    leaves: ['SlowDecisions', 'RequestsShed'],
  },
  {
    what: 'a ranker that hears of no release',
    fires: ['VersionSkew'],
    make: async ({ hold }) => hold('ranker', 'read', 'releases'),
  },
  {
    what: 'a gate that lets nothing pass',
    fires: ['ModelRefused'],
    async make({ context, stop, start }) {
      await stop('gate')
      const { config } = context
      await start('gate', { config: { ...config, gate: { ...config.gate, maxKl: 1e-15 } } })
      return async () => {
        await stop('gate')
        await start('gate')
      }
    },
  },
  {
    what: 'brokers that hang up',
    fires: ['BrokersFailing'],
    async make({ line }) {
      await line.set('closed')
      return () => line.set('open')
    },
  },
  {
    what: 'a learning rate that is beyond all measure',
    fires: ['LossNotFinite'],
    async make({ context: { config }, stop, start }) {
      await stop('learner')
      const policies = config.policies.map(each => ({ ...each, twoTower: { ...each.twoTower, learningRate: 1e30 } }))
      await start('learner', { config: { ...config, policies } })
      return nothing
    },
  },
  {
    what: 'dead letters that somebody deletes',
    fires: ['BalanceBroken'],
    async make({ context, brokers }) {
      const admin = new Kafka({ clientId: 'drill', brokers: [...brokers], logLevel: logLevel.NOTHING }).admin()
      await admin.connect()
      const topic = topicName(context.config.topics.prefix, 'dead-letters')
      // by it the client learns who leads the partition, which deleting does not ask
      await admin.fetchTopicOffsets(topic)
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '-1' }] })
      await admin.disconnect()
      return nothing
    },
  },
  {
    what: 'no more audits',
    fires: ['AuditStale'],
    async make({ endAudits }) {
      await endAudits()
      return nothing
    },
  },
]

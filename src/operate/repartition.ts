/**
 * `feedloop topics repartition`: other partition counts by drain and hand over into topics of another prefix. The old
 * topics are only sealed and read, the new ones hold what is needed to go on (docs/repartition.md).
 */
import { FeedloopError } from '../errors.ts'
import { readDeadLetters } from '../evaluation/audit/read.ts'
import type { StepHeader } from '../log/chain/header.ts'
import { committedOf } from '../log/chain/progress.ts'
import { type ChainIo, realRim, retrying } from '../log/chain/rim.ts'
import { chainRules } from '../log/chain/rules.ts'
import type { Committed } from '../log/log.ts'
import { applyTopics, topicSpecs } from '../log/topics.ts'
import { newestIn } from '../models/start.ts'
import { intakeGroup, stageEntry, type TopicName, topicName } from '../pipeline.ts'
import type { ServiceContext } from './context.ts'
import { policiesFault } from './policy-partitions.ts'
import type { NewChain } from './repartition/chains.ts'
import { type Moved, moveAll } from './repartition/move.ts'
import type { Moving, Sealed } from './repartition/moving.ts'
import { checkKnown } from './repartition/people.ts'
import { copyWhole, everything, type Move, range, recordsIn, shareOut } from './repartition/plain.ts'
import { comeFrom } from './repartition/policies.ts'
import { sealChain } from './repartition/seal.ts'
import { settle } from './settle.ts'

export interface RepartitionOptions {
  readonly partitions: number
  /** Prefix of the new topics. */
  readonly to: string
  /** How long the loop may take to drain, ms. */
  readonly timeoutMs: number
}

export interface Repartitioned extends Omit<Moved, 'chains'> {
  readonly from: { readonly prefix: string; readonly partitions: number }
  readonly to: { readonly prefix: string; readonly partitions: number }
}

/** Nothing may be appended to `requests` and `events` meanwhile; services may run, and stop with
 * PARTITION_COUNT_CHANGED when they are sealed.
 * @throws FeedloopError TOPIC_MISCONFIGURED when the new topics are not empty, or a policy is missing; DEADLINE_EXCEEDED when the loop does not
 * drain, or when records came in after they were copied: then do it again into another prefix; OFFSET_OUT_OF_RANGE
 * when nothing tells any more what a ranker knows of people */
export async function repartition(context: ServiceContext, options: RepartitionOptions): Promise<Repartitioned> {
  const { log, config, wire, meter, logger, now } = context
  const { prefix, partitions: was } = config.topics
  const { to, partitions: becomes, timeoutMs } = options
  const io: ChainIo = { log, rim: realRim(now), rules: chainRules }
  const move: Move = { io, from: prefix, to, was, becomes }
  if (to === prefix) throw new FeedloopError('USAGE', 'the new prefix must differ from the old one')
  const modelsFrom = await partitionsOfPolicies(context)
  const specs = topicSpecs({ ...config.topics, prefix: to, partitions: becomes, policies: config.policies.length })
  await applyTopics(log, specs)
  await assertEmpty(move, config.policies.length)
  await settle(context, ['ranker', 'joiner', 'learner'], timeoutMs)
  for (const partition of range(was)) await checkKnown({ ...move, wire, config, meter, logger }, partition)
  const sealed = await sealAll(context, io)
  const letters = await readDeadLetters({ log, wire, config, prefix })
  const before = await intakeEnds(move)
  for (const topic of ['items', 'features'] as const) await copyWhole(move, topic)
  const ranges = range(was).map(() => everything)
  await shareOut(move, { topic: 'users', ranges, userOf: async ({ key }) => key?.toString() ?? null })
  const { chains, ...moved } = await moveAll({
    ...move,
    wire,
    config,
    meter,
    logger,
    sealed,
    modelsFrom,
    letters,
    tick: tickOf(sealed),
  } satisfies Moving)
  await commitPositions(context, to, chains)
  await moveIntake(context, to)
  if ((await intakeEnds(move)).join() !== before.join())
    throw new FeedloopError('DEADLINE_EXCEEDED', `records came into ${prefix}requests or ${prefix}events meanwhile`)
  return { from: { prefix, partitions: was }, to: { prefix: to, partitions: becomes }, ...moved }
}

async function assertEmpty({ io, to, becomes }: Move, policies: number): Promise<void> {
  for (const topic of ['events', 'recommendations', 'transitions', 'models'] as const) {
    const name = topicName(to, topic)
    const count = await retrying(io, () => io.log.partitionCount(name))
    const wanted = topic === 'models' ? policies : becomes
    if (count !== wanted)
      throw new FeedloopError('TOPIC_MISCONFIGURED', `${name} has ${count} partitions, not ${wanted}`)
    for (const partition of range(count))
      for await (const _ of recordsIn(io, { topic: name, partition }, everything))
        throw new FeedloopError('TOPIC_MISCONFIGURED', `${name} is not empty: choose another prefix`)
  }
}

/** From where each policy's models come. @throws FeedloopError TOPIC_MISCONFIGURED when there are fewer policies than were */
async function partitionsOfPolicies(context: ServiceContext): Promise<readonly (number | undefined)[]> {
  const { log, config } = context
  const count = await log.partitionCount(topicName(config.topics.prefix, 'models'))
  if (count > config.policies.length) throw new FeedloopError('TOPIC_MISCONFIGURED', policiesFault(config, count)!)
  const names = await Promise.all(range(count).map(partition => newestIn(context, partition)))
  return comeFrom(
    config.policies.map(({ name }) => name),
    names,
  )
}

/** Downstream first: whatever a stage still does is upstream of what is sealed, and is taken again in the new topics. */
async function sealAll({ config, log }: ServiceContext, io: ChainIo): Promise<Sealed> {
  const { prefix, partitions } = config.topics
  const seal = async (topic: TopicName, count: number) => {
    const headers: (StepHeader | null)[] = []
    for (const partition of range(count))
      headers.push(await sealChain(io, { topic: topicName(prefix, topic), partition }))
    return headers
  }
  const [releases] = await seal('releases', 1)
  const models = await seal('models', await log.partitionCount(topicName(prefix, 'models')))
  const transitions = await seal('transitions', partitions)
  return { releases: releases ?? null, models, transitions, recommendations: await seal('recommendations', partitions) }
}

/** As late as any step, so that what they believed is believed; without a watermark, so that no window closes before
 * everything is there. */
const tickOf = ({ recommendations, transitions, models, releases }: Sealed): StepHeader['tick'] => ({
  timeMs: Math.max(...[...recommendations, ...transitions, ...models, releases].map(each => each?.tick.timeMs ?? 0)),
  watermarkMs: -1,
})

const intakeEnds = ({ io, from, was }: Move): Promise<number[]> =>
  Promise.all(
    (['requests', 'events'] as const).flatMap(topic =>
      range(was).map(async p => (await retrying(io, () => io.log.ends(topicName(from, topic), p))).latest),
    ),
  )

/** The groups begin where the chains do, for lag tools and for `settle`. */
async function commitPositions({ log }: ServiceContext, to: string, chains: Moved['chains']): Promise<void> {
  for (const [stage, all] of Object.entries(chains) as [keyof Moved['chains'], readonly NewChain[]][]) {
    const positions = all.flatMap(({ last }) => (last === null ? [] : committedOf(to, last)))
    await commitAs(log, { group: `${to}${stage}`, topic: topicName(to, stageEntry(stage).writes[0]!), positions })
  }
}

interface GroupPositions {
  readonly group: string
  /** That the group shares out. */
  readonly topic: string
  readonly positions: readonly Committed[]
}

async function commitAs(log: ServiceContext['log'], { group, topic, positions }: GroupPositions): Promise<void> {
  if (positions.length === 0) return
  const joined = Promise.withResolvers<void>()
  const handlers = { assigned: async () => joined.resolve(), failed: joined.reject }
  const membership = await log.join(group, [topic], handlers)
  await joined.promise
  await membership.commit(positions)
  await membership.leave()
}

/** Intake goes on in your topics where it was. */
async function moveIntake({ log, config }: ServiceContext, to: string): Promise<void> {
  for (const topic of new Set(config.sources.map(source => source.topic))) {
    const positions = await log.committed(intakeGroup(config.topics.prefix, topic), topic)
    await commitAs(log, { group: intakeGroup(to, topic), topic, positions })
  }
}

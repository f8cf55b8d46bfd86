/**
 * One seed: three stages in a row with rivals each, on a log in trouble, with processes that crash and freeze, a front
 * that is removed, and sometimes a log that is rolled back or another partition count. The oracle judges the history.
 *
 * `fault` is null when all is as it must be: every input covered once and in order, every output equal to the
 * sequential run's, every step that a writer believed accepted in fact accepted, the same chain read from anywhere, and
 * every refused record in the dead letters. Whoever knew what a log has lost, or knows another shape of it, has stopped.
 */
import { FeedloopError, isCode } from '../../../errors.ts'
import type { TopicName } from '../../../pipeline.ts'
import type { Log, NewRecord } from '../../log.ts'
import type { ChainRules } from '../rules.ts'
import { chainRules } from '../rules.ts'
import type { TaskInput, TaskOptions } from '../task.ts'
import type { Loss } from './history.ts'
import { feedInputs, removeFront, rollBack } from './history.ts'
import type { Chains } from './judge.ts'
import { believedWrongly, lettersMissing, misled, readsDiffer, unnoticed } from './judge.ts'
import type { SimulatedPartition } from './log.ts'
import { createPartition, noTrouble } from './log.ts'
import type { AnyStage, Slot } from './members.ts'
import { createMembers, running } from './members.ts'
import type { AcceptedInLog } from './oracle.ts'
import { judgeAnswers, judgeClosed, judgePairs, viewChain } from './oracle.ts'
import type { Plan } from './plan.ts'
import { drawPlan, noticedMs, troubledMs } from './plan.ts'
import { closing, pairing, summing } from './stages.ts'
import { createWorld } from './world.ts'

export interface SimulationOptions {
  /** What the seed is not asked for. */
  readonly plan?: Partial<Plan>
  /** These break something on purpose. */
  readonly rules?: ChainRules
  readonly stage?: (stage: AnyStage) => AnyStage
  readonly tamper?: (topic: string, records: readonly NewRecord[]) => readonly NewRecord[]
  readonly log?: (log: Log) => Log
  readonly step?: Partial<TaskOptions<never, never>['step']>
  readonly trace?: (line: string) => void
}

export interface SimulationResult {
  readonly seed: number
  /** What is wrong; null: nothing. */
  readonly fault: string | null
  readonly virtualMs: number
  readonly events: number
  readonly accepted: number
  readonly skipped: number
  /** The log was rolled back and a task noticed. */
  readonly identityLost: boolean
}

const maxEvents = 20_000
const topicsUsed = ['requests', 'events', 'recommendations', 'transitions', 'releases', 'dead-letters'] as const
/** No stage here looks at the watermark: idle is never, and empty reads take long. */
const step = { intervalMs: 4, maxRecords: 8, maxBytes: 4096, progressMs: 40, idleMs: 1000, maxBatchBytes: 9000 }
const chained = ['recommendations', 'transitions', 'releases'] as const

const in0 = (topic: TopicName): TaskInput => ({ topic, partition: 0 })
const stages: Readonly<Record<(typeof chained)[number], Omit<Slot, 'name'>>> = {
  recommendations: { stage: summing, inputs: [in0('events'), in0('requests')], output: in0('recommendations') },
  transitions: { stage: closing, inputs: [in0('recommendations'), in0('events')], output: in0('transitions') },
  releases: { stage: pairing, inputs: [in0('recommendations'), in0('transitions')], output: in0('releases') },
}

export async function simulateChain(seed: number, options: SimulationOptions = {}): Promise<SimulationResult> {
  const world = createWorld(seed, options.trace ?? (() => {}))
  const partitions = new Map<string, SimulatedPartition>(topicsUsed.map(topic => [topic, createPartition(topic)]))
  const plan = drawPlan(world, options.plan)
  const { trouble: share } = plan
  const trouble = { lostAck: share, late: share, lost: share, repeated: share, unavailable: share / 3 }
  const rules = options.rules ?? chainRules
  const views = new Map(chained.map(topic => [topic, viewChain(partitions.get(topic)!)]))
  const losses: Loss[] = []
  let partitionCount = 1
  let fault: string | null = null
  let identityLost = false

  const died = (name: string, error: unknown): void => {
    if (isCode(error, 'CHAIN_IDENTITY_LOST') && losses.length > 0) identityLost = true
    else if (isCode(error, 'OFFSET_OUT_OF_RANGE') && plan.truncates) return
    else if (isCode(error, 'PARTITION_COUNT_CHANGED') && partitionCount > 1) return
    else fault ??= `${name}: ${error instanceof FeedloopError ? error.message : String((error as Error).stack)}`
  }
  const members = createMembers({
    sea: {
      world,
      find: topic => partitions.get(topic),
      partitionCount: () => partitionCount,
      trouble: () => (world.nowMs > troubledMs ? noTrouble : trouble),
      ...(options.tamper && { tamper: options.tamper }),
    },
    rules,
    step: { ...step, ...options.step },
    died,
    ...(options.log && { log: options.log }),
  })
  const start = (topic: (typeof chained)[number], slot: string): void => {
    const { stage, ...rest } = stages[topic]
    members.run({ ...rest, name: `${stage.name}-${slot}`, stage: options.stage?.(stage) ?? stage })
  }
  for (const topic of chained) {
    for (const slot of plan.rivals ? ['a', 'b'] : ['a']) start(topic, slot)
    members.follow(topic)
  }
  const written = feedInputs(world, partitions)
  if (plan.truncates) removeFront(world, partitions, [...views.values()])
  if (plan.rollsBack)
    rollBack(world, partitions, { topics: chained, late: plan.late }, loss => {
      losses.push(loss)
      // The processes that know the lost batches hear nothing while others take over.
      members.freeze(chainRules.silentMs)
      if (plan.regrows) start(loss.topic as (typeof chained)[number], 'c')
    })
  if (plan.grows)
    world.after(100 + 500 * world.random(), () => {
      if (chained.some(topic => accepted(topic).length === 0)) return
      world.trace('the topics have two partitions')
      partitionCount = 2
    })

  const events = await world.run(ended, maxEvents)
  fault ??= judge()
  const acceptedBatches = chained.reduce((sum, topic) => sum + accepted(topic).length, 0)
  const batches = chained.reduce((sum, topic) => sum + partitions.get(topic)!.batches.length, 0)
  return {
    seed,
    fault,
    virtualMs: world.nowMs,
    events,
    accepted: acceptedBatches,
    skipped: batches - acceptedBatches,
    identityLost,
  }

  function accepted(topic: (typeof chained)[number]): readonly AcceptedInLog[] {
    return views.get(topic)!.accepted()
  }
  function complete(): boolean {
    return (
      partitions.get('requests')!.latest >= written.requests &&
      covers(accepted('recommendations'), 'events', written.events) &&
      covers(accepted('recommendations'), 'requests', written.requests) &&
      covers(accepted('transitions'), 'events', written.events) &&
      outputsIn(accepted('transitions')) >= written.answerable &&
      outputsIn(accepted('releases')) >= written.answerable
    )
  }
  function ended(): boolean {
    if (fault !== null) return true
    if (losses.length > 0 || partitionCount > 1) return world.nowMs >= noticedMs
    return world.nowMs >= troubledMs + 150 && complete()
  }
  function judge(): string | null {
    const chains: Chains = new Map(chained.map(topic => [topic, accepted(topic)]))
    const unaware = unnoticed(members, losses, partitions, chains)
    if (unaware !== null || identityLost || misled(members, losses, partitions, chains)) return unaware
    const [a, c] = [accepted('recommendations'), accepted('transitions')]
    const wrong =
      judgeAnswers(a, partitions).fault ?? judgeClosed(c, a, partitions).fault ?? judgePairs(accepted('releases'), a, c)
    if (wrong !== null) return wrong
    if (partitionCount > 1) {
      const still = running(members)
      return still === undefined ? null : `${still.process.name} goes on with another partition count`
    }
    if (!complete()) return `not finished after ${events} events: ${outputsIn(a)} answers, ${outputsIn(c)} closed`
    // What came of a lost batch that nobody knew differs from what was read, and is no lie.
    const lie = losses.length > 0 ? null : believedWrongly(members, chains)
    return (
      lie ??
      lettersMissing(partitions) ??
      chained
        .map(topic => (losses.length > 0 ? null : readsDiffer(world, partitions.get(topic)!, accepted(topic), rules)))
        .find(Boolean) ??
      null
    )
  }
}

const covers = (chain: readonly AcceptedInLog[], topic: string, to: number): boolean =>
  (chain.at(-1)?.header.inputs.find(position => position.topic === topic)?.next ?? 0) >= to
const outputsIn = (chain: readonly AcceptedInLog[]): number =>
  chain.reduce((sum, { header }) => sum + header.outputs, 0)

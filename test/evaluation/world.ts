/** A small finished loop on the embedded log, written by hand so that each part of it can be damaged. */
import type { BehaviorEvent, ModelVersion, Recommendation, Request, Transition } from '../../schemas/records.ts'
import type { Config } from '../../src/config.ts'
import { encodeHeader, type Head, type InputPosition, STEP_HEADER } from '../../src/log/chain/header.ts'
import { deadLetter } from '../../src/log/deadletters.ts'
import { openEmbeddedLog } from '../../src/log/embedded/embedded.ts'
import type { Log, NewRecord } from '../../src/log/log.ts'
import { createWire } from '../../src/log/wire/create.ts'
import type { Wire } from '../../src/log/wire/wire.ts'
import { type TopicName, topicName, topics } from '../../src/pipeline.ts'
import type { Refusal, Tick } from '../../src/stage.ts'
import { joinerRules } from '../../src/transitions/rules-print.ts'
import type { JoinerState } from '../../src/transitions/state.ts'
import { createJoiner } from '../../src/transitions/step.ts'
import { input, tick } from '../transitions/make.ts'

/** Everything that will be in the log, to be changed before it is written. */
export interface World {
  readonly config: Config
  requests: Request[]
  decisions: Recommendation[]
  events: BehaviorEvent[]
  transitions: Transition[]
  refusals: Refusal[]
  model: Pick<ModelVersion, 'transitions' | 'contains'> & Partial<ModelVersion>
  /** Versions before it. */
  versions?: readonly Partial<ModelVersion>[]
  /** How far the last steps of ranker and joiner have come. */
  ranked: number
  joined: { decisions: number; events: number }
  tick: Tick
  /** A batch of a rival that lost. */
  rival: Transition[]
  /** The joiner's steps one by one, in the place of one with all. */
  batches?: readonly JoinerBatch[]
}

interface JoinerBatch {
  readonly transitions: readonly Transition[]
  readonly joined: World['joined']
  readonly tick: Tick
}

const request = ({ decision_id, user_id, session_id, policy, request_time_ms }: Recommendation): Request => ({
  request_id: decision_id,
  user_id,
  session_id,
  policy,
  time_ms: request_time_ms,
  deadline_ms: null,
  slots: 1,
  context: {},
  candidates: null,
  baseline: null,
  excluded: null,
  pinned: null,
  deferred: false,
  explain: false,
})

/** What an undisturbed loop makes of these decisions and events. */
export function createWorld(config: Config, decisions: Recommendation[], events: BehaviorEvent[]): World {
  const joiner = createJoiner(config)
  const state = joiner.open(0) as JoinerState
  const inputs = [
    ...decisions.map((each, offset) => ({ ...input(each), offset })),
    ...events.map((each, offset) => ({ ...input(each), offset })),
  ]
  const last = tick(500)
  const { outputs, refusals } = joiner.step(state, inputs, last, undefined)
  const transitions = outputs.map(({ value }) => value as Transition)
  return {
    config,
    requests: decisions.map(request),
    decisions,
    events,
    transitions,
    refusals: [...refusals],
    model: {
      transitions: transitions.length,
      contains: [{ topic: 'transitions', partition: 0, next: transitions.length }],
    },
    ranked: decisions.length,
    joined: { decisions: decisions.length, events: events.length },
    tick: last,
    rival: [],
  }
}

/** What an undisturbed loop makes of records that come step by step, each a tick in seconds and what it brings. */
export function createStepped(
  config: Config,
  steps: readonly (readonly [number, ...(Recommendation | BehaviorEvent)[]])[],
): World {
  const records = steps.flatMap(([, ...each]) => each)
  const decisions = records.filter(each => 'slots' in each)
  const events = records.filter(each => 'event_id' in each)
  const joiner = createJoiner(config)
  const state = joiner.open(0) as JoinerState
  const joined = { decisions: 0, events: 0 }
  const refusals: Refusal[] = []
  const batches = steps.map(([seconds, ...arrived]): JoinerBatch => {
    const inputs = arrived.map(each => ({
      ...input(each),
      offset: 'event_id' in each ? joined.events++ : joined.decisions++,
    }))
    // the task reads decisions first
    inputs.sort((a, b) => Number(a.topic === 'events') - Number(b.topic === 'events'))
    const result = joiner.step(state, inputs, tick(seconds), undefined)
    state.commit()
    refusals.push(...result.refusals)
    return {
      transitions: result.outputs.map(each => each.value as Transition),
      joined: { ...joined },
      tick: tick(seconds),
    }
  })
  const transitions = batches.flatMap(each => each.transitions)
  const offsets = batches.reduce((sum, each) => sum + Math.max(1, each.transitions.length), 0)
  const contains = [{ topic: 'transitions', partition: 0, next: offsets }]
  return {
    config,
    requests: decisions.map(request),
    decisions,
    events,
    transitions,
    refusals,
    model: { transitions: transitions.length, contains },
    ranked: decisions.length,
    joined,
    tick: batches.at(-1)!.tick,
    rival: [],
    batches,
  }
}

/** Writes the world to a log of its own. */
export const writeWorld = (world: World) => writeWorldTo(openEmbeddedLog(), world)

export async function writeWorldTo<L extends Log>(log: L, world: World) {
  const { config } = world
  const { prefix } = config.topics
  const wire = await createWire({ prefix })
  await log.createTopics(
    Object.keys(topics).map(name => ({
      topic: topicName(prefix, name as TopicName),
      partitions: 1,
      replicationFactor: 1,
      config: {},
    })),
  )
  const append = (topic: TopicName, records: NewRecord[]) => log.append(topicName(prefix, topic), 0, records)
  const plain = (topic: TopicName, values: readonly unknown[]) =>
    append(
      topic,
      values.map(value => encoded(wire, topic, value)),
    )
  const at = (topic: TopicName, next: number): InputPosition => ({ topic, partition: 0, next })
  await plain('requests', world.requests)
  await plain('events', world.events)
  const chained = async (
    topic: TopicName,
    values: readonly unknown[],
    inputs: InputPosition[],
    prev: Head | null = null,
    at: Tick = world.tick,
  ): Promise<Head> => {
    const records = values.length > 0 ? values.map(value => encoded(wire, topic, value)) : [{ key: null, value: null }]
    const id = Math.floor(Math.random() * 2 ** 48)
      .toString(16)
      .padStart(16, '0')
    const header = encodeHeader({
      version: 1,
      id,
      prev,
      epoch: 0,
      inputs,
      tick: at,
      count: records.length,
      outputs: values.length,
      partitions: 1,
      ...(topic === 'transitions' && { rules: joinerRules(config) }),
    })
    const offset = await append(topic, [{ ...records[0], headers: { [STEP_HEADER]: header } }, ...records.slice(1)])
    return { offset, id }
  }
  await chained('recommendations', world.decisions, [at('requests', world.ranked), at('events', world.events.length)])
  const positions = ({ decisions, events }: World['joined']) => [at('recommendations', decisions), at('events', events)]
  const joined = positions(world.joined)
  let head: Head | null = null
  for (const batch of world.batches ?? [world])
    head = await chained('transitions', batch.transitions, positions(batch.joined), head, batch.tick)
  if (world.rival.length > 0) await chained('transitions', world.rival, joined)
  let version: Head | null = null
  for (const each of [...(world.versions ?? []).map(fields => ({ ...model(world), ...fields })), model(world)])
    version = await chained('models', [each], [at('transitions', each.contains[0]?.next ?? 0)], version)
  for (const { input: of, code, detail } of world.refusals) {
    const topic = topicName(prefix, of.topic)
    const origin = { topic, partition: 0, offset: of.offset, key: null, value: null, headers: {}, timestampMs: 0 }
    await append('dead-letters', [deadLetter({ origin, stage: 'joiner', code, detail })])
  }
  return { log, wire, config, prefix }
}

const encoded = (wire: Wire, topic: TopicName, value: unknown): NewRecord => ({
  key: Buffer.from('key'),
  value: wire.encode(topic, value),
})

const model = (world: World): ModelVersion => ({
  version: '000000000001',
  parent: null,
  policy: 'default',
  algorithm: 'linear-gaussian',
  explorer: 'thompson',
  parameters: {},
  config_hash: '',
  warm_start: '',
  created_ms: world.tick.timeMs,
  newest_reward_ms: 0,
  outcome_times_ms: [],
  metrics: {},
  base_version: null,
  tensors: [],
  ...world.model,
})

/**
 * A labelled file as a stream of decisions through the running services, calm or under a storm: every tenth record twice,
 * requests and outcomes out of order, outcomes late. What is learned must be what a fresh learner makes of the very same
 * decisions and outcomes, told once, in order and at once; and the loss must be that of the calm stream, but for noise.
 */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BehaviorEvent, ModelVersion, Recommendation, Transition } from '../../schemas/records.ts'
import { merge } from '../../src/demo/merge.ts'
import { createClassification } from '../../src/environments/classification.ts'
import type { Session } from '../../src/environments/environment.ts'
import { readChain } from '../../src/evaluation/audit/read.ts'
import { createLinear } from '../../src/learner/create.ts'
import { createExampleEncoder } from '../../src/learner/examples.ts'
import { asFull, type Merged, mergeVersion } from '../../src/learner/tensors.ts'
import type { Log } from '../../src/log/log.ts'
import { topicName } from '../../src/pipeline.ts'
import { sumsDiffer } from '../../src/simulation/fit.ts'
import { createStateEncoder } from '../../src/state/encode.ts'
import { createRandom, type Random } from '../../src/state/random.ts'
import { firstRevision, transitionOf } from '../../src/transitions/transition.ts'
import { publish } from '../learner/examples.ts'
import { did, type Live, openLive, publishItems, request } from '../operate/live.ts'

const ROWS = 600
const CHUNK = 50
/** Chunks that an outcome is late at most, in the storm. */
const LATE = 3
const TWICE = 0.1
/** Rows by which the loss is judged: the last. */
const JUDGED = 300

/** Three overlapping clouds. */
function clouds() {
  const random = createRandom(11)
  const labels = Array.from({ length: ROWS }, (_, i) => i % 3)
  const features = labels.map(label => {
    const angle = (2 * Math.PI * label) / 3
    return Float64Array.of(2 * Math.cos(angle) + random.normal(), 20 * Math.sin(angle) + 10 * random.normal())
  })
  return createClassification({ name: 'clouds', columns: ['x', 'y'], features, classes: ['a', 'b', 'c'], labels })
}

interface Streamed {
  /** Part of the last rows whose class was not chosen. */
  readonly loss: number
  readonly live: Live
  readonly decisions: readonly Recommendation[]
  /** By decision. */
  readonly outcomes: ReadonlyMap<string, BehaviorEvent>
}

export async function checkStream(t: TestContext, open: () => Promise<Log | undefined>): Promise<void> {
  const calm = await stream(t, await open(), false)
  const storm = await stream(t, await open(), true)
  for (const { live, decisions, outcomes } of [calm, storm]) {
    assert.equal(decisions.length, ROWS)
    const found = await newest(live)
    assert.equal(found.parameters.decisions, ROWS)
    assert.equal(sumsDiffer(found, batchFit(live, decisions, outcomes)), null)
    const [lost] = outcomes.keys()
    const fewer = new Map([...outcomes].filter(([id]) => id !== lost))
    assert.notEqual(sumsDiffer(found, batchFit(live, decisions, fewer)), null, 'one outcome makes a difference')
  }
  t.diagnostic(`loss ${calm.loss}, in the storm ${storm.loss}`)
  const variance = ({ loss }: Streamed): number => (loss * (1 - loss)) / JUDGED
  assert.ok(calm.loss < 0.3, `calm ${calm.loss}`)
  assert.ok(storm.loss - calm.loss <= 3 * Math.sqrt(variance(calm) + variance(storm)), `${calm.loss}, ${storm.loss}`)
}

async function stream(t: TestContext, log: Log | undefined, stormy: boolean): Promise<Streamed> {
  const environment = clouds()
  const settings = { policies: [{ linearGaussian: { warmUpDecisions: 128 } }], features: { dimensions: 2 } }
  const live = await openLive(t, merge(environment.preset, settings), log)
  const random = createRandom(stormy ? 1 : 2)
  await publishItems(
    live,
    environment.items().map(({ item_id }) => item_id),
  )
  await live.start()
  const sessions = new Map<string, Session>()
  const late = new Map<number, BehaviorEvent[]>()
  const outcomes = new Map<string, BehaviorEvent>()
  let wrong = 0
  let decided: Recommendation[] = []
  for (let chunk = 0; chunk * CHUNK < ROWS; chunk++) {
    const requests = Array.from({ length: CHUNK }, (_, i) => {
      const session = environment.session(chunk * CHUNK + i, 1)
      sessions.set(session.userId, session)
      return request(session.userId, { context: session.reset().context })
    })
    await Promise.all(disturbed(requests, stormy, random).map(each => live.append('requests', each.user_id, each)))
    const before = new Set(decided.map(each => each.decision_id))
    while (decided.length < (chunk + 1) * CHUNK) decided = await sleep(50).then(live.decisions)
    for (const decision of decided.filter(each => !before.has(each.decision_id))) {
      const [slot] = decision.slots
      const [right] = sessions.get(decision.user_id)!.step([slot.item_id]).outcomes
      if (!right) wrong += chunk * CHUNK >= ROWS - JUDGED ? 1 : 0
      else {
        const event = did(decision.user_id, right.type, { decision_id: decision.decision_id, item_id: slot.item_id })
        outcomes.set(decision.decision_id, event)
        const at = stormy ? chunk + Math.floor(random.uniform() * (LATE + 1)) : chunk
        late.set(at, [...(late.get(at) ?? []), event])
      }
    }
    await happen(live, disturbed(late.get(chunk) ?? [], stormy, random))
  }
  for (let chunk = ROWS / CHUNK; chunk <= ROWS / CHUNK + LATE; chunk++) await happen(live, late.get(chunk) ?? [])
  await live.settled()
  await live.stop()
  return { loss: wrong / JUDGED, live, decisions: decided, outcomes }
}

/** In the storm shuffled, and every tenth twice. */
function disturbed<T>(records: readonly T[], stormy: boolean, random: Random): readonly T[] {
  if (!stormy) return records
  const all = records.flatMap(each => (random.uniform() < TWICE ? [each, each] : [each]))
  return all
    .map(each => ({ each, place: random.uniform() }))
    .sort((a, b) => a.place - b.place)
    .map(({ each }) => each)
}

/** Appends, and waits until the learner has published something since. */
async function happen(live: Live, events: readonly BehaviorEvent[]): Promise<void> {
  const { log, config } = live.context
  const end = async () => (await log.ends(topicName(config.topics.prefix, 'models'), 0)).latest
  const before = await end()
  await Promise.all(events.map(event => live.append('events', event.user_id, event)))
  while (events.length > 0 && (await end()) === before) await sleep(20)
}

async function newest({ context: { log, wire, config } }: Live): Promise<ModelVersion> {
  let merged: Merged | undefined
  const { prefix } = config.topics
  await readChain({ log, wire, config, prefix }, 'models', 0, ({ value }) => {
    if (value) merged = mergeVersion(merged, wire.decode('models', value) as ModelVersion)
  })
  return asFull(merged!)
}

function batchFit(
  { context: { config } }: Live,
  decisions: readonly Recommendation[],
  outcomes: Streamed['outcomes'],
): ModelVersion {
  const [policy] = config.policies
  const encoder = createStateEncoder(config)
  const { dimensions } = config.features
  const examples = createExampleEncoder({ encoder, dimensions, usesCandidates: false, weightOf: () => 1 })
  const learner = createLinear(policy, encoder)
  const inOrder = [...decisions].sort((a, b) => a.request_time_ms - b.request_time_ms)
  for (const decision of inOrder) {
    const reward: Record<string, number> = outcomes.has(decision.decision_id) ? { right: 1 } : {}
    const said = { ...firstRevision, delta: reward, cumulative: reward }
    const example = examples.encode(transitionOf(decision, 0, said) as Transition, { vector: () => undefined })
    assert.ok(typeof example !== 'string')
    learner.learn([example])
  }
  return publish(learner, 'batch', true)
}

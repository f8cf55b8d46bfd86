/**
 * A learner's process with a catalogue of so many items: their vectors in the feature store as the topic brings them, then
 * a decision and a click of every one of them learned, in steps of a second's worth. Prints what it held at most.
 * Run as `memory.ts '{"items": 1000000, "d": 64}'`.
 */
import { createFeatureStore } from '../../src/features/store.ts'
import { createLearnerStage } from '../../src/learner/step.ts'
import type { Input } from '../../src/stage.ts'
import { peakMiBOf } from '../join/process.ts'
import { createDecisions, toTransition } from './decisions.ts'
import { configOf } from './speed.ts'

export interface MemoryOptions {
  readonly items: number
  readonly d: number
}

export interface MemoryResult {
  readonly vectorsMiB: number
  readonly peakMiB: number
  /** Items that have a block at the end. */
  readonly blocks: number
  readonly learnMicros: number
}

const STEP = 10_000

async function measure({ items, d }: MemoryOptions): Promise<MemoryResult> {
  const config = configOf(d)
  const features = createFeatureStore()
  const vector = Buffer.alloc(4 * config.features.dimensions)
  for (let i = 0; i < items; i++) {
    vector.writeFloatLE(i % 7, 0)
    const item_id = `item-${i}`
    const record = { item_id, feature_key: `${item_id}@1`, feature_version: 1, encoder_version: 'bench', vector }
    features.put({ ...record, attributes: {}, available: true, time_ms: 0 })
  }
  const vectorsMiB = process.memoryUsage.rss() / 2 ** 20
  const stage = createLearnerStage(config, config.policies[0])
  const state = await stage.open(0)
  const transitions = createDecisions(STEP, 2).map(toTransition)
  const begun = process.cpuUsage()
  for (let from = 0; from < items; from += STEP) {
    const step = transitions.map((each, i): Input => {
      const action = `item-${from + i}`
      const value = { ...each, transition_id: `${from + i}/0`, action: [action], decision_time_ms: from + i }
      return { topic: 'transitions', partition: 0, offset: from + i, key: null, value, timestampMs: 0, headers: {} }
    })
    stage.step(state, step, { timeMs: from, watermarkMs: from }, { features, caughtUp: true })
  }
  const { user, system } = process.cpuUsage(begun)
  return {
    vectorsMiB: Math.round(vectorsMiB),
    peakMiB: Math.round(peakMiBOf(process.pid)),
    blocks: Number(state.learner.snapshot('last', true).tensors.filter(({ name }) => name.startsWith('item/')).length),
    learnMicros: Number(((user + system) / items).toFixed(1)),
  }
}

process.stdout.write(JSON.stringify(await measure(JSON.parse(process.argv[2]) as MemoryOptions)))

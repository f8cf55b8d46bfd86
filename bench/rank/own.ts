/**
 * The ranker's own work, without any log: `step` over requests (state, scores, sampling) and encoding to bytes, in steps
 * as large as come up in a step's interval at 500 requests/s. What is taken is the thread's CPU, so that neighbours cost less.
 */
import type { ModelVersion, Request } from '../../schemas/records.ts'
import type { Config } from '../../src/config.ts'
import type { FeatureStore } from '../../src/features/store.ts'
import { createWire } from '../../src/log/wire/create.ts'
import { createServing } from '../../src/models/serving.ts'
import { createRanker, type RankerState, type RankerView } from '../../src/ranker/step.ts'
import type { Input, Output } from '../../src/stage.ts'
import { releaseOf } from './train.ts'
import { createRequests, pastEvents, type RequestOptions } from './world.ts'

const A_STEP = 12
const STEPS = { few: 60, many: 20 }
const ROUNDS = 15
const WARM = 5

export interface OwnWork {
  /** Medians of rounds, µs a decision. */
  readonly micros: number
  readonly stepMicros: number
  readonly encodeMicros: number
  readonly bytes: number
  /** Share of candidates of which the model has learned. */
  readonly known: number
}

export interface OwnRanker {
  measure(options: Omit<RequestOptions, 'items' | 'seed'>): OwnWork
  /** What decides on so many requests more at each call. */
  deciding(options: Omit<RequestOptions, 'items' | 'seed'>, count: number): () => readonly Output[]
}

/** A ranker that has read the catalogue, everybody's history and the model. */
export async function openOwn(config: Config, features: FeatureStore, model: ModelVersion): Promise<OwnRanker> {
  const wire = await createWire({ prefix: config.topics.prefix })
  const ranker = createRanker(config)
  const state = (await ranker.open(0)) as RankerState
  const serving = createServing(config)
  serving.putModel(model)
  serving.putRelease(releaseOf(model))
  const view: RankerView = { features, serving: serving.serving, catalogueReady: true }
  const step = (inputs: readonly Input[]) => {
    const timeMs = Date.now()
    const { outputs } = ranker.step(state, inputs, { timeMs, watermarkMs: timeMs }, view)
    state.commit()
    return outputs
  }
  step(toInputs('events', [...pastEvents(features.size, Date.now())]))
  const learned = new Set(model.tensors.map(({ name }) => name.replace('item/', '')))
  let asked = 0
  const decoded = (request: Request) => wire.decode('requests', wire.encode('requests', request)) as Request
  const requestsOf = (options: Omit<RequestOptions, 'items'>) => {
    const request = createRequests({ ...options, items: features.size })
    return (count: number) => Array.from({ length: count }, () => request(`own-${asked++}`, Date.now(), null))
  }
  return {
    measure(options) {
      const requests = requestsOf({ ...options, seed: 4 })
      const steps = options.candidates > 100 ? STEPS.many : STEPS.few
      const rounds = Array.from({ length: WARM + ROUNDS }, () => {
        const sums = { step: 0, encode: 0, bytes: 0 }
        for (let i = 0; i < steps; i++) {
          // Decoded just before, as a service's are, so that their strings are new ones, and forgotten after it.
          const inputs = toInputs('requests', requests(A_STEP).map(decoded))
          const begun = cpuMicros()
          const outputs = step(inputs)
          const stepped = cpuMicros()
          for (const { value } of outputs) sums.bytes += wire.encode('recommendations', value).length
          sums.step += stepped - begun
          sums.encode += cpuMicros() - stepped
        }
        const count = steps * A_STEP
        const [inStep, encode] = [sums.step / count, sums.encode / count]
        return { step: inStep, encode, all: inStep + encode, bytes: sums.bytes / count }
      }).slice(WARM)
      const candidates = requests(50).flatMap(({ candidates }) => candidates!)
      return {
        micros: median(rounds.map(each => each.all)),
        stepMicros: median(rounds.map(each => each.step)),
        encodeMicros: median(rounds.map(each => each.encode)),
        bytes: Math.round(rounds[0].bytes),
        known: candidates.filter(item => learned.has(item)).length / candidates.length,
      }
    },
    deciding(options, count) {
      const requests = requestsOf({ ...options, seed: 5 })
      return () => step(toInputs('requests', requests(count).map(decoded)))
    },
  }
}

/** Of this thread, µs. */
function cpuMicros(): number {
  const { user, system } = process.threadCpuUsage()
  return user + system
}

export const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]

const toInputs = (topic: Input['topic'], values: readonly { readonly user_id: string }[]): Input[] =>
  values.map((value, offset) => ({
    topic,
    partition: 0,
    offset,
    key: value.user_id,
    value,
    timestampMs: Date.now(),
    headers: {},
  }))

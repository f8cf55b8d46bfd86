/**
 * How fast a plain linear Thompson sampler learns in an environment: the presets' proving ground. No bus, no stages, but
 * what the loop does to a learner: the real item vectors and state encoder, concurrent sessions, and a scorer that lags
 * behind by a batch of decisions. Run it: `node test/environments/curve.ts recogym|jester [decisions] [json overrides]`.
 */
import { join } from 'node:path'
import type { Interaction } from '../../schemas/records.ts'
import { type ConfigInput, parseConfig } from '../../src/config.ts'
import { type Environment, type Observation, type Session, shareOfGap } from '../../src/environments/environment.ts'
import { hashedVector } from '../../src/features/hashed.ts'
import { createStateEncoder } from '../../src/state/encode.ts'
import { createRandom, seedOf } from '../../src/state/random.ts'

export interface CurveOptions {
  readonly decisions: number
  readonly seed: number
  /** Concurrent sessions. */
  readonly sessions: number
  /** Decisions between two versions of the scorer. */
  readonly publishEvery: number
}

export interface Curve {
  /** Mean expected reward of each tenth of the decisions. */
  readonly tenths: readonly number[]
}

/** Per-arm ridge regression: precision inverse and mean, updated by Sherman and Morrison. */
class Arm {
  readonly inverse: Float64Array
  readonly weighted: Float64Array
  readonly d: number
  constructor(d: number, priorPrecision: number) {
    this.d = d
    this.inverse = new Float64Array(d * d)
    this.weighted = new Float64Array(d)
    for (let i = 0; i < d; i++) this.inverse[i * d + i] = 1 / priorPrecision
  }
  times(x: Float64Array, out: Float64Array): number {
    let quadratic = 0
    for (let i = 0; i < this.d; i++) {
      let sum = 0
      for (let j = 0; j < this.d; j++) sum += this.inverse[i * this.d + j] * x[j]
      out[i] = sum
      quadratic += sum * x[i]
    }
    return quadratic
  }
  learn(x: Float64Array, reward: number): void {
    const u = new Float64Array(this.d)
    const scale = 1 / (1 + this.times(x, u))
    for (let i = 0; i < this.d; i++) {
      this.weighted[i] += reward * x[i]
      for (let j = 0; j < this.d; j++) this.inverse[i * this.d + j] -= scale * u[i] * u[j]
    }
  }
}

interface Open {
  readonly session: Session
  history: Interaction[]
  observation: Observation
}

export function learningCurve(environment: Environment, overrides: ConfigInput, options: CurveOptions): Curve {
  const config = parseConfig({ ...environment.preset, ...overrides })
  const { explorer, linearGaussian } = config.policies[0]
  const items = environment.items().map(item => item.item_id)
  const vectors = new Map(
    environment
      .items()
      .map(item => [
        item.item_id,
        hashedVector({ id: item.item_id, text: item.text, attributes: item.attributes }, config.features.dimensions),
      ]),
  )
  const encoder = createStateEncoder(config)
  const random = createRandom(seedOf(`curve/${options.seed}`))
  const arms = new Map(items.map(id => [id, new Arm(encoder.dimensions, linearGaussian.priorPrecision)]))
  let waiting: { x: Float64Array; item: string; reward: number }[] = []
  const scratch = new Float64Array(encoder.dimensions)
  let nextIndex = 0

  const see = (open: Open, observation: Observation) => {
    for (const { type, itemId, value } of observation.organic)
      open.history.unshift({ item_id: itemId, feature_version: 1, type, age_ms: 0, value: value ?? 1 })
    open.history.length = Math.min(open.history.length, config.state.historyLength)
    open.observation = observation
  }
  const start = (): Open => {
    for (;;) {
      const session = environment.session(nextIndex++, options.seed)
      const open: Open = { session, history: [], observation: undefined as unknown as Observation }
      see(open, session.reset())
      if (!open.observation.done) return open
    }
  }
  const choose = (x: Float64Array, candidates: readonly string[]): string => {
    if (random.uniform() < explorer.epsilon) return candidates[Math.floor(random.uniform() * candidates.length)]
    let best = ''
    let bestScore = Number.NEGATIVE_INFINITY
    for (const id of candidates) {
      const arm = arms.get(id)!
      const deviation = Math.sqrt(arm.times(x, scratch))
      let mean = 0
      for (let i = 0; i < scratch.length; i++) mean += scratch[i] * arm.weighted[i]
      const score = mean + explorer.alpha * deviation * random.normal()
      if (score > bestScore) [best, bestScore] = [id, score]
    }
    return best
  }

  const open = Array.from({ length: options.sessions }, start)
  const rewards = new Float64Array(options.decisions)
  const component = Object.entries(config.policies[0].rewards)[0]
  for (let n = 0; n < options.decisions; n++) {
    const at = n % open.length
    const { session, history, observation } = open[at]
    const snapshot = { profile_version: 0, profile: null, history, counts: {}, context: observation.context }
    const x = encoder.encode(snapshot, id => vectors.get(id))
    const item = choose(x, observation.candidates ?? items)
    const { outcomes, expectedReward, next } = session.step([item])
    rewards[n] = expectedReward
    const reward = outcomes
      .filter(each => each.type === component[0])
      .reduce((sum, each) => sum + (component[1].value === 'value' ? (each.value ?? 0) : component[1].value), 0)
    waiting.push({ x, item, reward })
    if (waiting.length >= options.publishEvery) {
      for (const each of waiting) arms.get(each.item)!.learn(each.x, each.reward)
      waiting = []
    }
    see(open[at], next)
    if (next.done) open[at] = start()
  }
  const tenth = Math.floor(options.decisions / 10)
  const mean = (part: Float64Array) => part.reduce((sum, x) => sum + x, 0) / part.length
  return { tenths: Array.from({ length: 10 }, (_, i) => mean(rewards.subarray(i * tenth, (i + 1) * tenth))) }
}

if (import.meta.main) {
  const [name = 'recogym', decisions = '60000', overrides = '{}', seeds = '1'] = process.argv.slice(2)
  const root = join(import.meta.dirname, '../..')
  const { createRecogym } = await import('../../src/environments/recogym.ts')
  const { readWorld } = await import('../../src/environments/recogym-world.ts')
  const { createJester, readJester } = await import('../../src/environments/jester.ts')
  const environment =
    name === 'jester'
      ? createJester(
          readJester(
            process.env.FEEDLOOP_DATA ? join(process.env.FEEDLOOP_DATA, 'jester') : join(root, '../shared/data/jester'),
          ),
        )
      : createRecogym({
          world: readWorld(name === 'recogym' ? join(root, 'examples/worlds/p10-flips5-seed60.json') : name),
        })
  for (let seed = 1; seed <= Number(seeds); seed++) {
    const options = { decisions: Number(decisions), seed, sessions: 256, publishEvery: 1000 }
    const { tenths } = learningCurve(environment, JSON.parse(overrides), options)
    const shares = tenths.map(rate => shareOfGap(rate, environment.rates()).toFixed(2))
    console.log(
      `${environment.name} seed ${seed}: share of gap ${shares.join(' ')}; last tenth ${tenths[9].toFixed(4)}`,
    )
  }
}

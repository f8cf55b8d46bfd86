/**
 * Transitions a second that V-trace as shipped sustains from a real Kafka: sessions of 20 decisions, a state of 96 numbers, 20 of 1,000
 * items of 64, on wasm.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ItemFeatures, Transition } from '../../schemas/records.ts'
import { vectorToBytes } from '../../src/features/store.ts'
import { createRandom } from '../../src/state/random.ts'
import { firstRevision } from '../../src/transitions/transition.ts'
import { learnFromKafka } from '../learner/kafka.ts'
import type { SequencesPart } from './part.ts'

const ITEMS = 1000
const CANDIDATES = 20
const SESSION = 20
const TRANSITIONS = 20_000
const PASSES = 3
const DIMENSIONS = { state: 96, item: 64 }

const settings = {
  features: { dimensions: DIMENSIONS.item },
  state: { blocks: ['context'], contextDimensions: DIMENSIONS.state - 1 },
  policies: [{ algorithm: 'v-trace', gamma: 0.9 }],
}

const tensorflow = new URL('../../src/learner/tensorflow.ts', import.meta.url).href
/** What the bar names, wherever it is measured. */
export const onWasm = ['--import', fileURLToPath(new URL('wasm-only.ts', import.meta.url))]

export const benchRate: SequencesPart = async ({ say }) => {
  const folder = mkdtempSync(join(tmpdir(), 'feedloop-bench-'))
  try {
    const transitions = transitionsOf(TRANSITIONS)
    const run = await learnFromKafka({ transitions, passes: PASSES, settings, folder, items: itemsOf(), flags: onWasm })
    const results = { backend: backendWith(onWasm), ...run }
    say(`rate: ${JSON.stringify(results)}`)
    const name = `transitions a second from Kafka by V-trace on ${results.backend}`
    const length = run.metrics.segment_length
    return {
      results,
      bars: [
        { name, value: run.perSecond, unit: '/s', atLeast: 5000 },
        // of at most 8 that begin anywhere in 20; of decisions that are not found it is 1
        { name: 'segments learned from', value: length, unit: 'decisions', atLeast: 4 },
      ],
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Of a process that is started alike. @throws Error where none loads */
export function backendWith(flags: readonly string[]): string {
  const print = `import('${tensorflow}').then(m => m.loadTensorFlow()).then(t => console.log(t.backend))`
  const { status, stdout, stderr } = spawnSync(process.execPath, [...flags, '-e', print], { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return stdout.trim()
}

const itemName = (index: number): string => `i${index}`

function itemsOf(): ItemFeatures[] {
  const { normal } = createRandom(1)
  return Array.from({ length: ITEMS }, (_, i) => ({
    feature_key: `${itemName(i)}@1`,
    item_id: itemName(i),
    feature_version: 1,
    encoder_version: 'bench',
    vector: vectorToBytes(Float32Array.from({ length: DIMENSIONS.item }, normal)),
    attributes: {},
    available: true,
    time_ms: Date.now(),
  }))
}

/** As the joiner tells them once what follows is known. */
export function transitionsOf(count: number): Transition[] {
  const random = createRandom(2)
  const below = (n: number): number => Math.floor(random.uniform() * n)
  const decisions = Array.from({ length: count + 1 }, () => ({
    state: { profile_version: 0, profile: null, history: [], counts: {}, context: contextOf(random) },
    candidates: Array.from({ length: CANDIDATES }, (_, k) => ({
      item_id: itemName((below(ITEMS / CANDIDATES) * CANDIDATES + k) % ITEMS),
      feature_version: 1,
      source: 'request',
      inclusion_probability: 1,
    })),
  }))
  return decisions.slice(0, count).map(({ state, candidates }, n) => {
    const [session, step] = [Math.floor(n / SESSION), n % SESSION]
    const isLast = step === SESSION - 1
    const next = decisions[n + 1]
    const click = random.uniform() < 0.1 ? 1 : 0
    return {
      ...firstRevision,
      transition_id: `s${session}-${step}/0`,
      decision_id: `s${session}-${step}`,
      slot: 0,
      slots: 1,
      policy: 'default',
      user_id: `u${session}`,
      session_id: `s${session}`,
      session_step: step,
      state,
      candidates,
      masked: [],
      action: [candidates[below(CANDIDATES)].item_id],
      propensity: 1 / CANDIDATES,
      first_draw_propensity: 1 / CANDIDATES,
      propensity_kind: 'exact',
      mode: 'online',
      chosen_by: 'policy',
      examined: 'yes',
      delta: { click },
      cumulative: { click },
      discount: isLast ? null : 0.9,
      next_decision_id: isLast ? null : `s${session}-${step + 1}`,
      next_state: isLast ? null : next.state,
      next_candidates: isLast ? null : next.candidates,
      terminated: isLast,
      truncated: false,
      model_version: '',
      weight: 1,
      decision_time_ms: Date.now(),
      reward_time_ms: click ? Date.now() : null,
      emitted_time_ms: Date.now(),
    }
  })
}

const contextOf = ({ uniform }: ReturnType<typeof createRandom>) =>
  Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`u${i}`, `v${Math.floor(uniform() * 10)}`]))

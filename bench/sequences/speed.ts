/**
 * ms a train step of the two-tower policy (state of 96 and 20 candidates of 64 through 128 to 64, value head, Adam) at a batch of 256 and of
 * 1,024, on each TensorFlow.js backend that is present and in PyTorch on one thread, in turns: medians of the rounds. No item is shared
 * by two decisions, which is the worst case for us.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { backends, type TensorFlow } from '../../src/learner/tensorflow.ts'
import { adamStep } from '../../src/learner/towers/adam.ts'
import { createNetwork } from '../../src/learner/towers/network.ts'
import { initialParameters, zeroParameters } from '../../src/learner/towers/parameters.ts'
import { createRandom } from '../../src/state/random.ts'
import type { Bar } from '../main.ts'
import { round, type SequencesPart } from './part.ts'

const SHAPE = { stateDimensions: 96, itemDimensions: 64, hidden: 128, embedding: 64 }
const CANDIDATES = 20
const SIZES = [256, 1024] as const
const STEPS = 30
const python = process.env.FEEDLOOP_PYTHON ?? 'python3'

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]

export const benchSpeed: SequencesPart = async ({ rounds, say }) => {
  const loaded = await backends()
  const runs: Record<string, number[]> = {}
  const add = (name: string, size: number, ms: number | undefined): void => {
    const key = `${name} ${size}`
    if (ms !== undefined) runs[key] = [...(runs[key] ?? []), ms]
  }
  for (let n = 1; n <= rounds; n++)
    for (const size of SIZES) {
      for (const each of loaded) {
        await each.tf.setBackend(each.backend === 'native' ? 'tensorflow' : 'wasm')
        add(each.backend, size, stepMs(each, size))
      }
      add('torch', size, torchMs(size))
      say(`speed round ${n}, batch ${size}: ${JSON.stringify(runs)}`)
    }
  if (!Object.keys(runs).some(name => name.startsWith('torch')))
    say('Python has no torch: nothing is compared (pip install torch, FEEDLOOP_PYTHON)')
  const results = Object.fromEntries(Object.entries(runs).map(([name, all]) => [name, round(median(all))]))
  return { results, bars: [...barOf(results, 'wasm', 256, 3), ...barOf(results, 'native', 1024, 1.5)] }
}

/** None where either side is not here. */
function barOf(results: Record<string, number>, backend: string, size: number, atMost: number): Bar[] {
  const [ours, theirs] = [results[`${backend} ${size}`], results[`torch ${size}`]]
  if (ours === undefined || theirs === undefined) return []
  return [
    { name: `a train step of ${size} on ${backend} against PyTorch`, value: ours / theirs, unit: 'times', atMost },
  ]
}

function stepMs(tensorflow: TensorFlow, size: number): number {
  const { normal } = createRandom(1)
  const normals = (count: number) => Float32Array.from({ length: count }, normal)
  const network = createNetwork(tensorflow, SHAPE)
  const weights = initialParameters(SHAPE, 1)
  const adam = { first: zeroParameters(SHAPE), second: zeroParameters(SHAPE), steps: 0 }
  const states = normals(size * SHAPE.stateDimensions)
  const items = normals(size * CANDIDATES * SHAPE.itemDimensions)
  const batch = { states, items, size, candidates: CANDIDATES }
  const gradient = { logitGradient: normals(size * CANDIDATES), valueGradient: normals(size) }
  const times = Array.from({ length: STEPS }, () => {
    const begun = performance.now()
    const gradients = network.gradients(weights, batch, () => gradient)
    adamStep(weights, gradients, adam, { learningRate: 0.001, maxGradientNorm: 1 })
    return performance.now() - begun
  })
  return median(times)
}

function torchMs(size: number): number | undefined {
  const script = fileURLToPath(new URL('step.py', import.meta.url))
  const { status, stdout } = spawnSync(python, [script, String(size), String(STEPS)], { encoding: 'utf8' })
  return status === 0 ? (JSON.parse(stdout) as { ms: number }).ms : undefined
}

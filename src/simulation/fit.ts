/**
 * The learner against a batch fit: a fresh learner that is shown the log that all start from and every accepted
 * transition at once must hold the same sums as the one that learned them in pieces, over crashes, from two partitions in
 * any order. Equal to 1e-9.
 */
import type { ModelVersion } from '../../schemas/records.ts'
import type { Config } from '../config.ts'
import { decodeBlock, itemOfBlock } from '../learner/linear/block.ts'
import { componentsOf } from '../learner/linear/checkpoint.ts'
import { createLearnerStage } from '../learner/step.ts'
import { asFull, type Merged, mergeVersion } from '../learner/tensors.ts'
import type { Input } from '../stage.ts'
import { catalogue, logged } from './stages.ts'

const TOLERANCE = 1e-9

/** @returns the first difference; null: none */
export async function fitDiffers(
  config: Config,
  models: readonly ModelVersion[],
  transitions: readonly Input[],
): Promise<string | null> {
  let merged: Merged | undefined
  for (const model of models) merged = mergeVersion(merged, model)
  if (merged === undefined) return 'nothing was learned'
  const stage = createLearnerStage(config, config.policies[0]!, logged)
  const state = await stage.open(0)
  const tick = { timeMs: merged.model.created_ms, watermarkMs: -1 }
  const { outputs } = stage.step(state, transitions, tick, { features: catalogue, caughtUp: true })
  return sumsDiffer(asFull(merged), outputs[0]!.value as ModelVersion)
}

/** @param found and expected, full versions of the linear-Gaussian learner @returns the first difference; null: none */
export const sumsDiffer = (found: ModelVersion, expected: ModelVersion): string | null =>
  compare(sumsOf(found), sumsOf(expected))

/** By name: A and each component's b of each item, scaled as they are read. */
function sumsOf(model: ModelVersion): Map<string, Float64Array> {
  const sums = new Map<string, Float64Array>()
  const components = componentsOf(model.parameters)
  const reference = 2 ** -exponentOf(model)
  for (const tensor of model.tensors) {
    const item = itemOfBlock(tensor.name)
    if (item === undefined) continue
    const { a, b, seen } = decodeBlock(tensor, model.parameters.dimensions!)
    const scaled = (values: Float64Array): Float64Array => values.map(value => value * reference)
    sums.set(`${item} seen`, Float64Array.of(seen))
    sums.set(`${item} A`, scaled(a))
    for (const [component, index] of components)
      if (b[index]?.some(value => value !== 0)) sums.set(`${item} b ${component}`, scaled(b[index]!))
  }
  return sums
}

/** Half-lives from the reference time to the newest decision: two learners may have another reference. */
function exponentOf({ parameters }: ModelVersion): number {
  const { half_life_ms: halfLifeMs, newest_ms: newestMs, reference_ms: referenceMs } = parameters
  return halfLifeMs ? (newestMs! - referenceMs!) / halfLifeMs : 0
}

function compare(found: ReadonlyMap<string, Float64Array>, expected: ReadonlyMap<string, Float64Array>): string | null {
  for (const name of new Set([...found.keys(), ...expected.keys()])) {
    const [a, b] = [found.get(name), expected.get(name)]
    const size = Math.max(...[...(a ?? []), ...(b ?? [])].map(Math.abs), 1e-12)
    const length = Math.max(a?.length ?? 0, b?.length ?? 0)
    for (let i = 0; i < length; i++)
      if (!(Math.abs((a?.[i] ?? 0) - (b?.[i] ?? 0)) <= TOLERANCE * size))
        return `${name}[${i}] is ${a?.[i]}, of a batch fit ${b?.[i]}`
  }
  return null
}

/**
 * Two linear-Gaussian versions that were learned from disjoint inputs, as one that a single learner of both would hold: all
 * sums are added, brought to one reference time of the decay. What is derived of the sums is not: the estimated prior is the
 * first one's until the learner that goes on from here has its next decision.
 * Nothing tells two sums of the same decision apart, so what may overlap is refused: versions that contain the same partition of
 * a topic, or the same log that they started from.
 */
import type { ModelVersion, Tensor } from '../../../schemas/records.ts'
import { FeedloopError } from '../../errors.ts'
import { type Block, componentOf, createBlock, decodeBlock, encodeBlock, itemOfBlock, scaleBlock } from './block.ts'
import { isChangesTensor } from './changes.ts'
import { changedOf, componentsOf } from './checkpoint.ts'
import { itemOfContent } from './content.ts'
import { type DecayClock, readScale } from './decay.ts'
import { itemOfVector } from './likeness.ts'
import { addScaled } from './matrix.ts'
import { createMoments, decodeMoments, encodeMoments, mergeMoments } from './moments.ts'

/**
 * @param first whole (no increment); its estimated prior is kept for now
 * @param second whole, of the same policy and settings
 * @param version name of the result
 * @throws FeedloopError MODEL_INCOMPATIBLE when they are of other settings (algorithm, feature map, dimensions, half-life), may
 * overlap, are increments, or hold decisions that still wait: for late rewards, or for a feature map
 */
export function mergeLinear(first: ModelVersion, second: ModelVersion, version: string): ModelVersion {
  for (const each of [first, second]) assertMergeable(each)
  assertSameSettings(first, second)
  assertDisjoint(first, second)
  const clock = commonClock(first, second)
  const indices = indicesOf(first, second)
  const parts = [first, second]
  const factors = parts.map(({ parameters }) => factorTo(clock, parameters))
  const moments = createMoments()
  parts.forEach(({ parameters }, p) => {
    mergeMoments(
      moments,
      decodeMoments(parameters),
      namesOf(parameters).map(name => indices.get(name)!),
      factors[p],
    )
  })
  const total = (name: string): number => first.parameters[name] + second.parameters[name]
  return {
    ...first,
    version,
    parent: null,
    base_version: null,
    parameters: {
      ...second.parameters,
      ...first.parameters,
      ...encodeMoments(moments),
      ...Object.fromEntries([...indices].map(([name, index]) => [`component/${name}`, index])),
      decisions: total('decisions'),
      next_estimate: 0,
      reference_ms: clock.referenceMs,
      first_ms: firstMs(parts),
      newest_ms: clock.newestMs,
      read_scale: readScale(clock),
      evicted_until_ms: Math.max(...parts.map(({ parameters }) => parameters.evicted_until_ms)),
      evicted: total('evicted'),
    },
    tensors: [...mergedBlocks(parts, factors, indices), ...contentsOf(parts), ...first.tensors.filter(isSetting)],
    warm_start: first.warm_start || second.warm_start,
    contains: [...first.contains, ...second.contains],
    transitions: first.transitions + second.transitions,
    newest_reward_ms: Math.max(first.newest_reward_ms, second.newest_reward_ms),
    created_ms: Math.max(first.created_ms, second.created_ms),
    outcome_times_ms: [],
    metrics: {},
  }
}

/** Oldest decision of those that hold any, ms; -1: none. */
function firstMs(parts: readonly ModelVersion[]): number {
  const times = parts.map(({ parameters }) => parameters.first_ms).filter(ms => ms >= 0)
  return times.length > 0 ? Math.min(...times) : -1
}

const isBlock = ({ name }: Tensor): boolean => itemOfBlock(name) !== undefined
const isContent = ({ name }: Tensor): boolean => itemOfContent(name) !== undefined || itemOfVector(name) !== undefined
/** Of the feature map, or of the estimated prior. */
const isSetting = ({ name }: Tensor): boolean => /^(map|prior)\//.test(name)

const refuse = (message: string): never => {
  throw new FeedloopError('MODEL_INCOMPATIBLE', message)
}

function assertMergeable({ version, algorithm, base_version, parameters, tensors }: ModelVersion): void {
  if (algorithm !== 'linear-gaussian')
    refuse(`version ${version} is ${algorithm}: only linear-gaussian versions are merged`)
  if (base_version !== null) refuse(`version ${version} is an increment: lay it over ${base_version} first`)
  if (parameters.map_settled !== 1) refuse(`version ${version} still seeks its feature map`)
  // what the watch for changes has seen begins anew
  const known = [isBlock, isContent, isSetting, isChangesTensor]
  const other = tensors.find(tensor => !known.some(is => is(tensor)))
  if (other) refuse(`version ${version} holds ${other.name}: decisions that are weighed can't be merged`)
}

/** Parameters and tensors that make the feature map, and what sums are sums of. */
const settings = [
  'dimensions',
  'state_dimensions',
  'numbers_from',
  'numbers_count',
  'fourier',
  'fourier_bandwidth',
  'fourier_seed',
  'half_life_ms',
]

function assertSameSettings(first: ModelVersion, second: ModelVersion): void {
  for (const name of settings)
    if (first.parameters[name] !== second.parameters[name])
      refuse(
        `${name}: ${first.parameters[name]} in version ${first.version}, ${second.parameters[name]} in ${second.version}`,
      )
  if (first.config_hash !== second.config_hash)
    refuse(`versions ${first.version} and ${second.version} were learned by another policy or with other settings`)
  if (changedOf(first.parameters).join() !== changedOf(second.parameters).join())
    refuse(`versions ${first.version} and ${second.version} have forgotten at different times`)
  const mapOf = ({ tensors }: ModelVersion) => tensors.filter(({ name }) => name.startsWith('map/'))
  for (const tensor of mapOf(first))
    if (!mapOf(second).some(({ name, data }) => name === tensor.name && data.equals(tensor.data)))
      refuse(`versions ${first.version} and ${second.version} standardise numbers otherwise (${tensor.name})`)
}

function assertDisjoint(first: ModelVersion, second: ModelVersion): void {
  const both = first.contains.find(({ topic, partition }) =>
    second.contains.some(each => each.topic === topic && each.partition === partition),
  )
  if (both) refuse(`both versions contain ${both.topic}, partition ${both.partition}: its decisions would count twice`)
  if (first.warm_start !== '' && second.warm_start !== '')
    refuse('both versions started from a log: one can be named, and the other would be learned again')
}

/** The later reference, so that no sum grows; a learner without decisions has none. */
function commonClock(first: ModelVersion, second: ModelVersion): DecayClock {
  const used = [first, second].filter(({ parameters }) => parameters.newest_ms >= 0)
  return {
    halfLifeMs: first.parameters.half_life_ms,
    referenceMs: used.reduce((latest, { parameters }) => Math.max(latest, parameters.reference_ms), 0),
    newestMs: used.reduce((newest, { parameters }) => Math.max(newest, parameters.newest_ms), -1),
    changedMs: changedOf(first.parameters),
  }
}

/** What sums relative to their own reference are multiplied by. */
const factorTo = (
  { halfLifeMs, referenceMs }: DecayClock,
  { reference_ms }: Readonly<Record<string, number>>,
): number => (halfLifeMs === 0 ? 1 : 2 ** ((reference_ms - referenceMs) / halfLifeMs))

const namesOf = (parameters: ModelVersion['parameters']): string[] => componentsOf(parameters).map(([name]) => name)

/** Index of each component: the first's, then those that only the second has. */
function indicesOf(first: ModelVersion, second: ModelVersion): ReadonlyMap<string, number> {
  const indices = new Map(componentsOf(first.parameters))
  for (const name of namesOf(second.parameters)) if (!indices.has(name)) indices.set(name, indices.size)
  return indices
}

function mergedBlocks(
  parts: readonly ModelVersion[],
  factors: readonly number[],
  indices: ReadonlyMap<string, number>,
): Tensor[] {
  const d = parts[0].parameters.dimensions
  const merged = new Map<string, Block>()
  const blocks = parts.map(({ tensors }, p) => blocksOf(tensors, d, factors[p]))
  for (const itemId of new Set(blocks.flatMap(each => [...each.keys()]))) {
    // where one has evicted the item, its decisions until then are not in A: none of their rewards may come to b
    const sinces = parts.map(({ parameters }, p) => blocks[p].get(itemId)?.sinceMs ?? parameters.evicted_until_ms)
    merged.set(itemId, createBlock(d, Math.max(...sinces)))
  }
  parts.forEach(({ parameters }, p) => {
    const own = namesOf(parameters).map(name => indices.get(name)!)
    for (const [itemId, block] of blocks[p]) add(merged.get(itemId)!, block, own, d)
  })
  return Array.from(merged, ([itemId, block]) => encodeBlock(itemId, block))
}

/** Each item's vector, where one of them knows it. */
function contentsOf(parts: readonly ModelVersion[]): Iterable<Tensor> {
  const contents = new Map<string, Tensor>()
  for (const { tensors } of parts.toReversed())
    for (const tensor of tensors.filter(isContent)) contents.set(tensor.name, tensor)
  return contents.values()
}

function blocksOf(tensors: readonly Tensor[], d: number, factor: number): Map<string, Block> {
  const blocks = new Map<string, Block>()
  for (const tensor of tensors.filter(isBlock)) {
    const block = decodeBlock(tensor, d)
    scaleBlock(block, factor)
    blocks.set(itemOfBlock(tensor.name)!, block)
  }
  return blocks
}

/** @param indices in `into` of the block's components */
function add(into: Block, block: Block, indices: readonly number[], d: number): void {
  into.seen += block.seen
  into.lastMs = Math.max(into.lastMs, block.lastMs)
  addScaled(into.a, block.a, 1)
  componentOf(into, 0, d)
  indices.forEach((index, own) => {
    if (own < block.b.length) addScaled(componentOf(into, index, d), block.b[own], 1)
  })
}

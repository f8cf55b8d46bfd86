/** The learner's state as a model version, and back: a restart goes on bit-identically. */
import type { ModelVersion } from '../../../schemas/records.ts'
import { FeedloopError } from '../../errors.ts'
import type { Checkpoint } from '../learner.ts'
import { removedTensor } from '../tensors.ts'
import { blockName, decodeBlock, encodeBlock, itemOfBlock } from './block.ts'
import { createChanges, decodeChanges, encodeChanges } from './changes.ts'
import { contentName, decodeContent, encodeContent, itemOfContent } from './content.ts'
import { readScale } from './decay.ts'
import { decodeFeatureMap, encodeFeatureMap } from './feature-tensors.ts'
import { featureDimensions } from './features.ts'
import { decodeVector, encodeVector, itemOfVector, vectorName } from './likeness.ts'
import { decodeMoments, encodeMoments } from './moments.ts'
import { groupsOf, priorOf, startHyper } from './prior.ts'
import { decodeHyper, decodePrior, encodePriorMean, hyperParameters, PRIOR_ESTIMATED } from './prior-tensors.ts'
import type { LinearOptions, State } from './state.ts'
import { createWarmUp, decodeRow, encodeRow, isRow, type WarmUp } from './warm-up.ts'

export function snapshot(state: State, version: string, full: boolean): Checkpoint {
  const seeking = state.mapChanged && state.options.features.numbers.count > 0
  const baseVersion = full || seeking ? null : state.version
  const ids = baseVersion === null ? state.blocks.keys() : state.changed
  const blocks = Array.from(ids).flatMap(itemId => {
    const block = state.blocks.get(itemId)
    if (!block) return [blockName, contentName, vectorName].map(name => removedTensor(name(itemId)))
    const { content, offset, vector } = block
    // a block that was made anew may have none of what the one before it had
    const gone = (name: string) => (baseVersion === null ? [] : [removedTensor(name)])
    return [
      encodeBlock(itemId, block),
      ...(content
        ? [encodeContent(itemId, content, offset)]
        : state.contentLength > 0
          ? gone(contentName(itemId))
          : []),
      ...(vector ? [encodeVector(itemId, vector)] : state.options.history ? gone(vectorName(itemId)) : []),
    ]
  })
  // while the map is sought a version is full, so that no increment need tell which rows went
  const tensors = baseVersion === null ? [...blocks, ...encodeFeatureMap(state.map), ...rowsOf(state.warmUp)] : blocks
  if (state.options.estimate && (baseVersion === null || state.priorChanged))
    tensors.push(...encodePriorMean(state.prior, baseVersion === null))
  if (state.options.watch) tensors.push(...encodeChanges(state.changes, baseVersion === null))
  state.priorChanged = false
  state.changed.clear()
  state.mapChanged = false
  state.version = version
  return { baseVersion, parameters: parametersOf(state), tensors }
}

function parametersOf(state: State): Record<string, number> {
  const parameters: Record<string, number> = {
    dimensions: state.map.dimensions,
    state_dimensions: state.options.features.stateDimensions,
    numbers_from: state.options.features.numbers.from,
    numbers_count: state.options.features.numbers.count,
    fourier: state.options.features.fourier,
    fourier_bandwidth: state.options.features.bandwidth,
    fourier_seed: state.options.features.seed,
    map_settled: state.warmUp.settled ? 1 : 0,
    ...encodeMoments(state.moments),
    ...hyperParameters(state.hyper),
    [PRIOR_ESTIMATED]: state.options.estimate ? 1 : 0,
    decisions: state.decisions,
    next_estimate: state.nextEstimate,
    half_life_ms: state.options.halfLifeMs,
    reference_ms: state.clock.referenceMs,
    first_ms: state.firstMs,
    newest_ms: state.clock.newestMs,
    read_scale: readScale(state.clock),
    ...Object.fromEntries(state.clock.changedMs.map((ms, i) => [`${CHANGED}${i}`, ms])),
    evicted_until_ms: state.evictedUntilMs,
    evicted: state.evicted,
    content_length: state.contentLength,
  }
  for (const [component, index] of state.components) {
    parameters[`component/${component}`] = index
    if (state.options.estimate) parameters[`${PRIOR_WEIGHT}${component}`] = state.options.estimate(component)
    if (state.options.watch) parameters[`${WATCH_WEIGHT}${component}`] = state.options.watch(component)
  }
  return parameters
}

/** @throws FeedloopError MODEL_INCOMPATIBLE */
export function restore(state: State, model: ModelVersion): void {
  const { features, halfLifeMs } = state.options
  const dimensions = featureDimensions(features)
  const parameters = model.parameters
  if (parameters.dimensions !== dimensions || parameters.half_life_ms !== halfLifeMs)
    throw new FeedloopError(
      'MODEL_INCOMPATIBLE',
      `version ${model.version} has ${parameters.dimensions} dimensions and half-life ${parameters.half_life_ms} ms, ` +
        `configured are ${dimensions} and ${halfLifeMs} ms`,
    )
  state.clock.referenceMs = parameters.reference_ms
  state.clock.newestMs = parameters.newest_ms
  // versions before there was such a parameter: since 1970 no turn is short enough to call an arm dead
  state.firstMs = parameters.first_ms ?? 0
  state.clock.changedMs.splice(0, Number.POSITIVE_INFINITY, ...changedOf(parameters))
  // surpluses of other weights say nothing of these
  state.changes = areWeights(parameters, WATCH_WEIGHT, state.options.watch) ? decodeChanges(model) : createChanges()
  state.evictedUntilMs = parameters.evicted_until_ms
  state.evicted = parameters.evicted
  state.contentLength = parameters.content_length ?? 0
  state.components.clear()
  for (const [component, index] of componentsOf(parameters)) state.components.set(component, index)
  state.map = decodeFeatureMap(model)
  state.moments = decodeMoments(parameters)
  restorePrior(state, model)
  state.warmUp = restoredWarmUp(state.options, model)
  state.blocks.clear()
  for (const tensor of model.tensors) {
    const itemId = itemOfBlock(tensor.name)
    if (itemId !== undefined) state.blocks.set(itemId, decodeBlock(tensor, dimensions))
  }
  restoreContents(state, model)
  state.changed.clear()
  state.mapChanged = false
  state.version = model.version
}

function restoreContents(state: State, { tensors }: ModelVersion): void {
  for (const tensor of tensors) {
    const block = state.blocks.get(itemOfContent(tensor.name) ?? '')
    if (block) Object.assign(block, decodeContent(tensor))
    const seen = state.options.history && state.blocks.get(itemOfVector(tensor.name) ?? '')
    if (seen) seen.vector = decodeVector(tensor)
  }
}

/** What was estimated for other weights of the reward, or not at all, is estimated anew with the next decision. */
function restorePrior(state: State, model: ModelVersion): void {
  const { parameters } = model
  const { estimate: weightOf, priorPrecision, features } = state.options
  state.decisions = parameters.decisions
  state.nextEstimate = parameters.next_estimate
  if (weightOf) {
    state.hyper = decodeHyper(model)
    state.prior = decodePrior(model, state.map)
    if (!areWeights(parameters, PRIOR_WEIGHT, weightOf)) state.nextEstimate = 0
    // what the version holds need not be said again
    state.priorChanged = parameters[PRIOR_ESTIMATED] !== 1
  } else {
    state.hyper = startHyper(priorPrecision)
    const { dimensions } = state.map
    state.prior = priorOf(groupsOf(features, dimensions), state.hyper, new Float64Array(dimensions))
    state.priorChanged = true
  }
}

const PRIOR_WEIGHT = 'prior_weight/'
const WATCH_WEIGHT = 'watch_weight/'

/** Were the weights that a version states under the prefix these? */
const areWeights = (
  parameters: ModelVersion['parameters'],
  prefix: string,
  weightOf: ((component: string) => number) | undefined,
): boolean => componentsOf(parameters).every(([component]) => parameters[prefix + component] === weightOf?.(component))

const CHANGED = 'changed_ms/'

/** Times at which it forgot, ms. */
export function changedOf(parameters: ModelVersion['parameters']): number[] {
  const times: number[] = []
  for (let i = 0; `${CHANGED}${i}` in parameters; i++) times.push(parameters[`${CHANGED}${i}`])
  return times
}

const rowsOf = ({ rows }: WarmUp) => Array.from(rows.values(), encodeRow)

function restoredWarmUp({ features, warmUpDecisions }: LinearOptions, model: ModelVersion): WarmUp {
  const warmUp = createWarmUp(features.numbers.count > 0 ? warmUpDecisions : 0)
  warmUp.settled = model.parameters.map_settled === 1
  const rows = model.tensors.filter(tensor => isRow(tensor.name)).map(decodeRow)
  for (const row of rows) warmUp.rows.set(row.transitionId, row)
  warmUp.seen = rows.filter(row => row.seen).length
  return warmUp
}

/** Reward components of a checkpoint with their index in each block's b. */
export const componentsOf = (parameters: Readonly<Record<string, number>>): [string, number][] =>
  Object.entries(parameters)
    .filter(([name]) => name.startsWith('component/'))
    .map(([name, index]): [string, number] => [name.slice('component/'.length), index])
    .sort((a, b) => a[1] - b[1])

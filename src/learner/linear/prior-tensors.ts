/**
 * The prior in a checkpoint: precisions by group among the parameters and, where it is estimated, the items' common mean as a
 * tensor. A prior that is not estimated is around 0 and has no tensor.
 */
import type { ModelVersion, Tensor } from '../../../schemas/records.ts'
import { FeedloopError } from '../../errors.ts'
import { decodeTensor, encodeTensor, removedTensor } from '../tensors.ts'
import type { FeatureMap } from './features.ts'
import { decodeLikeness, encodeLikeness, likenessName } from './likeness.ts'
import type { Prior } from './posterior.ts'
import { GROUPS, groupsOf, type Hyper, priorOf } from './prior.ts'

const MEAN = 'prior/mean'
const CONTENT = 'prior/content'
const AROUND = 'prior_precision/'
const COMMON = 'common_precision/'
/** Parameter, 1 or 0: tells a fixed prior from a checkpoint that lost its mean. */
export const PRIOR_ESTIMATED = 'prior_estimated'

/** The mean, and what items' vectors add to it. */
export function encodePriorMean({ mean, content, likeness }: Prior, full: boolean): Tensor[] {
  const gone = (name: string): Tensor[] => (full ? [] : [removedTensor(name)])
  return [
    encodeTensor(MEAN, mean.slice()),
    ...(content ? [encodeTensor(CONTENT, content.slice())] : gone(CONTENT)),
    ...(likeness ? [encodeLikeness(likeness)] : gone(likenessName)),
  ]
}

export const hyperParameters = ({ around, common }: Hyper): Record<string, number> =>
  Object.fromEntries(
    Array.from({ length: GROUPS }, (_, g) => [
      [`${AROUND}${g}`, around[g]],
      [`${COMMON}${g}`, common[g]],
    ]).flat(),
  )

/** @throws FeedloopError MODEL_INCOMPATIBLE */
export function decodeHyper({ version, parameters }: ModelVersion): Hyper {
  const read = (prefix: string): Float64Array =>
    Float64Array.from({ length: GROUPS }, (_, g) => parameters[`${prefix}${g}`] ?? Number.NaN)
  const hyper = { around: read(AROUND), common: read(COMMON) }
  if (![...hyper.around, ...hyper.common].every(value => value > 0 && Number.isFinite(value)))
    throw new FeedloopError('MODEL_INCOMPATIBLE', `version ${version}: parameters of another algorithm`)
  return hyper
}

/** @param before the base version's prior: the very object as long as nothing changed, so that factors stay usable
 * @throws FeedloopError MODEL_INCOMPATIBLE */
export function decodePrior(model: ModelVersion, map: FeatureMap, before?: Prior): Prior {
  const hyper = decodeHyper(model)
  const groups = groupsOf(map.options, map.dimensions)
  if (model.parameters[PRIOR_ESTIMATED] !== 1) {
    const fixed = priorOf(groups, hyper, new Float64Array(map.dimensions))
    return before && isSame(before, fixed) ? before : fixed
  }
  const tensor = model.tensors.find(({ name }) => name === MEAN)
  if (!tensor && before) return before
  if (!tensor) throw new FeedloopError('MODEL_INCOMPATIBLE', `version ${model.version}: tensor ${MEAN} is missing`)
  const mean = decodeTensor(tensor, 'float64')
  if (mean.length !== map.dimensions)
    throw new FeedloopError('MODEL_INCOMPATIBLE', `version ${model.version}: tensor ${MEAN} of another feature map`)
  const held = (wanted: string) => model.tensors.find(({ name, data }) => name === wanted && data.length > 0)
  const content = held(CONTENT)
  const likeness = held(likenessName)
  return priorOf(groups, hyper, mean, {
    content: content && decodeTensor(content, 'float64'),
    likeness: likeness && decodeLikeness(likeness, map.dimensions),
  })
}

const isSame = (a: Prior, b: Prior): boolean =>
  a.mean.every((value, i) => value === b.mean[i]) && a.precision.every((value, i) => value === b.precision[i])

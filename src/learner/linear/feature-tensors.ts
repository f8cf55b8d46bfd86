/** The feature map in a checkpoint: its options among the parameters, what it learned of the numbers' scale as tensors. */
import type { ModelVersion, Tensor } from '../../../schemas/records.ts'
import { FeedloopError } from '../../errors.ts'
import { decodeTensor, encodeTensor } from '../tensors.ts'
import { createFeatureMap, type FeatureMap, type FeatureOptions, featureDimensions, unknownScale } from './features.ts'

const MEAN = 'map/mean'
const INVERSE = 'map/inverse'

/** None for a map without numbers. */
export const encodeFeatureMap = ({ options, standardisation }: FeatureMap): Tensor[] =>
  options.numbers.count === 0
    ? []
    : [encodeTensor(MEAN, standardisation.mean), encodeTensor(INVERSE, standardisation.inverse)]

/** @throws FeedloopError MODEL_INCOMPATIBLE */
export function decodeFeatureMap(model: ModelVersion): FeatureMap {
  const options = featureOptionsOf(model)
  if (options.numbers.count === 0) return createFeatureMap(options, unknownScale(options))
  const [mean, inverse] = [MEAN, INVERSE].map(name => {
    const tensor = model.tensors.find(each => each.name === name)
    if (!tensor) throw new FeedloopError('MODEL_INCOMPATIBLE', `version ${model.version}: tensor ${name} is missing`)
    return decodeTensor(tensor, 'float64')
  })
  return createFeatureMap(options, { mean, inverse })
}

export function featureOptionsOf({ version, parameters }: ModelVersion): FeatureOptions {
  const { state_dimensions, numbers_from, numbers_count, fourier, fourier_bandwidth, fourier_seed } = parameters
  const options = {
    stateDimensions: state_dimensions,
    numbers: { from: numbers_from, count: numbers_count },
    fourier,
    bandwidth: fourier_bandwidth,
    seed: fourier_seed,
  }
  const sizes = [state_dimensions, numbers_from, numbers_count, fourier]
  if (!sizes.every(Number.isInteger) || featureDimensions(options) !== parameters.dimensions)
    throw new FeedloopError('MODEL_INCOMPATIBLE', `version ${version}: parameters of another feature map`)
  return options
}

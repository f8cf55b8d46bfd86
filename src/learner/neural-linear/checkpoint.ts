/** A neural-linear learner's checkpoint: towers and their training, the head under a prefix, the rows. */
import type { ModelVersion } from '../../../schemas/records.ts'
import type { Checkpoint } from '../learner.ts'
import { blockName } from '../linear/block.ts'
import { componentsOf } from '../linear/checkpoint.ts'
import { encodeFeatureMap } from '../linear/feature-tensors.ts'
import type { FeatureOptions } from '../linear/features.ts'
import { nest, nested } from '../nested.ts'
import { removedTensor } from '../tensors.ts'
import { decodeTraining, encodeTraining } from '../towers/training.ts'
import { decodeFeatures } from './features.ts'
import { createHead, HEAD } from './head.ts'
import { createRows, decodeRow, encodeRow, isRow } from './rows.ts'
import { mapOptions, type State } from './state.ts'

/** An increment says which rows and items went since the version before. */
export function snapshot(state: State, version: string, full: boolean): Checkpoint {
  const { options, training, features, components } = state
  const baseVersion = full ? null : state.version
  const moved = state.replaced.size > 0
  const head = nest(HEAD, state.head.snapshot(version, baseVersion === null || moved))
  const names = [...components.keys()]
  const rows =
    baseVersion === null
      ? Array.from(state.rows, row => encodeRow(row, names))
      : Array.from(state.changed, ([name, row]) => (row ? encodeRow(row, names) : removedTensor(name)))
  const gone = baseVersion === null ? [] : [...state.replaced].filter(itemId => !state.head.blocks.has(itemId))
  const trained = encodeTraining(training, options)
  state.changed.clear()
  state.replaced.clear()
  state.version = version
  return {
    baseVersion,
    parameters: {
      ...trained.parameters,
      ...mapParameters(mapOptions(options)),
      unit: features.unit,
      spread: features.spread,
      arrived: state.arrived,
      ...Object.fromEntries([...components].map(([component, index]) => [`component/${component}`, index])),
      ...head.parameters,
    },
    tensors: [
      ...trained.tensors,
      ...encodeFeatureMap(features.map),
      ...head.tensors,
      ...gone.map(itemId => removedTensor(HEAD + blockName(itemId))),
      ...rows,
    ],
  }
}

const mapParameters = ({
  stateDimensions,
  numbers,
  fourier,
  bandwidth,
  seed,
}: FeatureOptions): Record<string, number> => ({
  dimensions: stateDimensions,
  numbers_from: numbers.from,
  numbers_count: numbers.count,
  fourier,
  fourier_bandwidth: bandwidth,
  fourier_seed: seed,
})

/** @throws FeedloopError MODEL_NOT_FINITE, MODEL_INCOMPATIBLE */
export function restore(state: State, model: ModelVersion): void {
  const { options, components } = state
  state.training = decodeTraining(model, options)
  state.features = decodeFeatures(model).features
  state.head = createHead(options.embedding, options.head)
  state.head.restore(nested(HEAD, model, 'linear-gaussian'))
  components.clear()
  for (const [component, index] of componentsOf(model.parameters)) components.set(component, index)
  const names = [...components.keys()]
  state.rows = createRows(
    options.bufferSize,
    model.tensors.filter(isRow).map(tensor => decodeRow(tensor, names)),
  )
  state.arrived = model.parameters.arrived
  state.changed.clear()
  state.replaced.clear()
  state.version = model.version
}

/**
 * Weights from elsewhere become a model version by one step of the learner: its next version holds them in place of what
 * was learned, with the same inputs contained, so learning goes on from them with the transitions that come after. Of
 * what else a checkpoint holds, the optimiser's moments start anew and copies of the network (a target network, workers')
 * become the new weights, unless the file has them too; then, as after an export, the version is the very same.
 */
import type { ModelVersion, Tensor } from '../../../schemas/records.ts'
import type { Config, PolicyConfig } from '../../config.ts'
import { FeedloopError } from '../../errors.ts'
import { ACTION } from '../../learner/classifier/actions.ts'
import { hashOf } from '../../learner/config-hash.ts'
import type { Checkpoint } from '../../learner/learner.ts'
import { publish } from '../../learner/publication.ts'
import { createLearnerStage, type LearnerState, type LearnerView, restoreFolded } from '../../learner/step.ts'
import { assertFinite } from '../../learner/tensors.ts'
import type { Stage } from '../../stage.ts'
import { createStateEncoder } from '../../state/encode.ts'
import { shown } from './json.ts'
import type { StoredTensors } from './safetensors.ts'
import { whatToSet } from './sizes.ts'

const WEIGHTS = 'weights/'
const MOMENTS = /^(?:adam|first|second)\//
/** Of the network: a target's, and those of workers. */
const COPIES = /^(?:target|workers\/\d+)\//
/** Under which `feedloop weights export` keeps a version's parameters. */
export const PARAMETERS = 'parameters'

/** The learner's stage, but for its step: it takes no inputs and publishes the replaced version once. */
export function createReplacingStage(
  config: Config,
  policy: PolicyConfig,
  file: StoredTensors,
): Stage<LearnerState, LearnerView> {
  const configHash = hashOf(config, policy, createStateEncoder(config).version)
  const done = new WeakSet<LearnerState>()
  return {
    ...createLearnerStage(config, policy),
    due: state => !done.has(state),
    step(state, inputs, tick) {
      if (inputs.length > 0) throw new Error('a step that replaces weights takes no inputs')
      if (done.has(state)) return { outputs: [], refusals: [], counts: [] }
      restoreFolded(state, config, policy)
      const { key, value } = publish(state, { full: true, policy, configHash, tick })
      const model = replaced(value, file)
      state.learner.restore(model)
      assertTaken(model, state.learner.snapshot(model.version, true))
      done.add(state)
      return { outputs: [{ key, value: model }], refusals: [], counts: [] }
    },
  }
}

/** The checkpoint with what the file holds.
 * @throws FeedloopError MODEL_INCOMPATIBLE for a file that is not of this network, MODEL_NOT_FINITE */
export function replaced(model: ModelVersion, { tensors, metadata }: StoredTensors): ModelVersion {
  const given = new Map(tensors.map(tensor => [tensor.name, tensor]))
  const own = new Map(model.tensors.map(tensor => [tensor.name, tensor]))
  const needed = [...own.keys()].filter(name => name.startsWith(WEIGHTS))
  if (needed.length === 0) refuse(model, `${model.algorithm} has no network whose weights could be replaced`)
  const told = parametersIn(model, metadata.get(PARAMETERS))
  for (const tensor of tensors) assertSame(model, tensor, own.get(tensor.name), () => whatToSet(model, tensors, own))
  const absent = needed.find(name => !given.has(name))
  if (absent !== undefined) refuse(model, `tensor ${absent} is not in the file`)
  assertFinite(model.version, tensors)
  if (told) assertHeads(model, told)
  const isWhole = [...own.keys()].every(name => given.has(name))
  if (isWhole && !told) refuse(model, `the file holds the whole checkpoint, but no ${PARAMETERS} in its metadata`)
  return {
    ...model,
    parameters: parametersOf(model, told ?? {}, isWhole),
    metrics: { imported: 1 },
    tensors: model.tensors.map(tensor => given.get(tensor.name) ?? startedAnew(model, tensor, given)),
  }
}

/** What the file does not hold. @throws FeedloopError MODEL_INCOMPATIBLE for what no weights say: a posterior, kept rows, another network */
function startedAnew(model: ModelVersion, tensor: Tensor, given: ReadonlyMap<string, Tensor>): Tensor {
  if (MOMENTS.test(tensor.name)) return { ...tensor, data: Buffer.alloc(tensor.data.length) }
  const weights = COPIES.test(tensor.name) && given.get(tensor.name.replace(COPIES, WEIGHTS))
  if (!weights)
    refuse(model, `tensor ${tensor.name} of ${model.algorithm} does not follow from weights: whole or not at all`)
  return { ...tensor, data: weights.data }
}

/** @param advice what to do about it */
function assertSame(model: ModelVersion, tensor: Tensor, own: Tensor | undefined, advice: () => string): void {
  const said = ({ shape, dtype }: Tensor): string => `${shape.join('x')} ${dtype}`
  if (!own) refuse(model, `tensor ${shown(tensor.name)} is none of ${model.algorithm}`)
  if (said(own) !== said(tensor))
    refuse(model, `tensor ${tensor.name} is ${said(tensor)}, configured is ${said(own)}${advice()}`)
}

/** Two heads are as wide as one of twice the embedding: only what the file says tells them apart. */
function assertHeads(model: ModelVersion, told: Parameters): void {
  const { heads: own = 1 } = model.parameters
  const { heads = 1 } = told
  if (Object.hasOwn(told, 'embedding') && heads !== own)
    refuse(model, `the file's network has heads: ${heads}, configured is ${own} (docs/exchange.md)`)
}

/** What the file says of the network is what is configured: a learner that has taken it says the very same. */
function assertTaken(model: ModelVersion, { parameters }: Checkpoint): void {
  const names = new Set([...Object.keys(model.parameters), ...Object.keys(parameters)])
  for (const name of names)
    if (model.parameters[name] !== parameters[name])
      refuse(model, `parameter ${shown(name)} is ${model.parameters[name]}, configured is ${parameters[name]}`)
}

/** Counters are the file's where all of the checkpoint is; what its weights tell apart is the file's wherever it says so. */
function parametersOf({ parameters: own }: ModelVersion, told: Parameters, isWhole: boolean): Parameters {
  const counters = Object.entries(told).filter(([name]) => Object.hasOwn(own, name) && !isClass(name))
  const classes = Object.entries(told).filter(([name]) => isClass(name))
  const keepsOwn = !isWhole && classes.length === 0
  const rest = Object.entries(own).filter(([name]) => keepsOwn || !isClass(name))
  return Object.fromEntries([...rest, ...(isWhole ? counters : [['adam_steps', 0] as const]), ...classes])
}

type Parameters = Readonly<Record<string, number>>
const isClass = (name: string): boolean => name.startsWith(ACTION)

/** As the export wrote them; undefined: the file says none. */
function parametersIn(model: ModelVersion, text: string | undefined): Parameters | undefined {
  if (text === undefined) return undefined
  try {
    const parameters = JSON.parse(text) as Parameters
    if (Object.values(parameters).every(Number.isFinite)) return parameters
  } catch {}
  return refuse(model, `${PARAMETERS} in the file's metadata are no numbers by name`)
}

function refuse({ policy }: ModelVersion, detail: string): never {
  throw new FeedloopError('MODEL_INCOMPATIBLE', `policy ${policy}: ${detail}`)
}

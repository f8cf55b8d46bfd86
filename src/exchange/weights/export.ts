/** A model version of the log for other programs: its tensors as safetensors, or the two towers as an ONNX model. */
import { readFileSync } from 'node:fs'
import type { ModelVersion } from '../../../schemas/records.ts'
import { FeedloopError } from '../../errors.ts'
import { createWire } from '../../log/wire/create.ts'
import { findVersion, latestVersion } from '../../models/start.ts'
import type { ServiceContext } from '../../operate/context.ts'
import { policyOf } from '../policy.ts'
import { PARAMETERS } from './replacing.ts'
import { encodeSafetensors } from './safetensors.ts'

/** Any algorithm's version; what is no tensor of it is in the metadata. */
export const safetensorsOf = ({ policy, version, algorithm, parameters, tensors }: ModelVersion): Buffer =>
  encodeSafetensors(tensors, { algorithm, [PARAMETERS]: JSON.stringify(parameters), policy, version })

/** One version with all its tensors. @param name of the policy; absent: the first @param version absent: the newest
 * @throws FeedloopError USAGE, DATA_MISSING when it is not in the log (any more) */
export async function versionToExport(context: ServiceContext, name?: string, version?: string): Promise<ModelVersion> {
  const { policy } = policyOf(context.config, name)
  const model = await (version === undefined
    ? latestVersion(context, policy.name)
    : findVersion(context, policy.name, version))
  if (model) return model
  const wanted = version === undefined ? 'a version' : `version ${version}`
  throw new FeedloopError('DATA_MISSING', `${wanted} of ${policy.name} is not in the log (any more)`)
}

/** A version on its own, as a training keeps it: a record of `models`, in single-object encoding.
 * @throws FeedloopError DATA_MISSING, MODEL_INCOMPATIBLE for one that builds on another, WIRE_… for what is no such record */
export async function versionInFile(file: string): Promise<ModelVersion> {
  const wire = await createWire({ prefix: '' })
  const model = wire.decode('models', readBytes(file)) as ModelVersion
  if (model.base_version !== null)
    throw new FeedloopError('MODEL_INCOMPATIBLE', `${file}: version ${model.version} builds on ${model.base_version}`)
  return model
}

function readBytes(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (cause) {
    throw new FeedloopError('DATA_MISSING', `${file}: ${(cause as Error).message}`, { cause })
  }
}

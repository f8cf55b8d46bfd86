/** A checkpoint of several models as one: everything of member m stands under `member/m/`. */
import type { ModelVersion, Tensor } from '../../../schemas/records.ts'
import { FeedloopError } from '../../errors.ts'
import type { Checkpoint } from '../learner.ts'

export const BAGGED_LINEAR = 'bagged-linear'
const MEMBERS = 'members'

const prefixOf = (member: number): string => `member/${member}/`

/** @param checkpoints one a member, of the same base version */
export function joinMembers(checkpoints: readonly Checkpoint[]): Checkpoint {
  const parameters: Record<string, number> = { [MEMBERS]: checkpoints.length }
  const tensors: Tensor[] = []
  checkpoints.forEach((checkpoint, m) => {
    for (const [name, value] of Object.entries(checkpoint.parameters)) parameters[prefixOf(m) + name] = value
    for (const tensor of checkpoint.tensors) tensors.push({ ...tensor, name: prefixOf(m) + tensor.name })
  })
  return { baseVersion: checkpoints[0].baseVersion, parameters, tensors }
}

/** Each member's own version. @throws FeedloopError MODEL_INCOMPATIBLE */
export function splitMembers(model: ModelVersion): ModelVersion[] {
  const count = model.parameters[MEMBERS]
  if (!(Number.isInteger(count) && count > 0))
    throw new FeedloopError('MODEL_INCOMPATIBLE', `version ${model.version}: parameters of another algorithm`)
  const parameters = Array.from({ length: count }, (): Record<string, number> => ({}))
  const tensors = Array.from({ length: count }, (): Tensor[] => [])
  for (const [name, value] of Object.entries(model.parameters)) {
    const at = placeOf(name)
    if (at && at.member < count) parameters[at.member][at.name] = value
  }
  for (const tensor of model.tensors) {
    const at = placeOf(tensor.name)
    if (at && at.member < count) tensors[at.member].push({ ...tensor, name: at.name })
  }
  return parameters.map((own, m) => ({ ...model, algorithm: 'linear-gaussian', parameters: own, tensors: tensors[m] }))
}

function placeOf(name: string): { member: number; name: string } | undefined {
  const match = /^member\/(\d+)\/(.+)$/s.exec(name)
  return match ? { member: Number(match[1]), name: match[2] } : undefined
}

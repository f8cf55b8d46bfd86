/** A checkpoint within another: all that it has stands under a prefix. */
import type { ModelVersion } from '../../schemas/records.ts'
import type { Checkpoint } from './learner.ts'

type Parts = Pick<Checkpoint, 'parameters' | 'tensors'>

export const nest = (prefix: string, { parameters, tensors }: Parts): Parts => ({
  parameters: Object.fromEntries(Object.entries(parameters).map(([name, value]) => [prefix + name, value])),
  tensors: tensors.map(tensor => ({ ...tensor, name: prefix + tensor.name })),
})

/** The version of the one within. @param algorithm of it */
export function nested(prefix: string, model: ModelVersion, algorithm: string): ModelVersion {
  const own = (name: string): string | undefined => (name.startsWith(prefix) ? name.slice(prefix.length) : undefined)
  const parameters: Record<string, number> = {}
  for (const [name, value] of Object.entries(model.parameters)) {
    const inner = own(name)
    if (inner !== undefined) parameters[inner] = value
  }
  const tensors = model.tensors.flatMap(tensor => {
    const inner = own(tensor.name)
    return inner === undefined ? [] : [{ ...tensor, name: inner }]
  })
  return { ...model, algorithm, parameters, tensors }
}

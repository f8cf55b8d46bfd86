/** Which configuration the sizes of a network follow from, so that whoever brings weights of other sizes is told what to set. */
import type { ModelVersion, Tensor } from '../../../schemas/records.ts'
import type { Weights } from '../../learner/classifier/network.ts'
import type { ParameterName } from '../../learner/towers/parameters.ts'

type Size = 'state' | 'item' | 'hidden' | 'embedding' | 'maxActions' | 'one'

/** Of each dimension, by the tensor's name after its group. The classifier's come last: towers' end in the same words. */
const sizes: Readonly<Record<ParameterName | keyof Weights, readonly Size[]>> = {
  'user/hidden/weights': ['state', 'hidden'],
  'user/hidden/bias': ['hidden'],
  'user/embedding/weights': ['hidden', 'embedding'],
  'user/embedding/bias': ['embedding'],
  'item/hidden/weights': ['item', 'hidden'],
  'item/hidden/bias': ['hidden'],
  'item/embedding/weights': ['hidden', 'embedding'],
  'item/embedding/bias': ['embedding'],
  'value/weights': ['hidden', 'one'],
  'value/bias': ['one'],
  'hidden/weights': ['state', 'hidden'],
  'hidden/bias': ['hidden'],
  'output/weights': ['hidden', 'maxActions'],
  'output/bias': ['maxActions'],
}

type Model = Pick<ModelVersion, 'algorithm' | 'parameters'>

/** What to set so that the version's tensors have the sizes of the file's, after a colon; empty where no setting would do.
 * @param given tensors of the file @param own of the version, by name */
export function whatToSet(model: Model, given: readonly Tensor[], own: ReadonlyMap<string, Tensor>): string {
  const settings = new Set<string>()
  for (const { name, shape } of given) {
    const now = own.get(name)?.shape
    const named = Object.entries(sizes).find(([ending]) => name.endsWith(`/${ending}`))?.[1]
    if (!now || named?.length !== shape.length) continue
    if (now.length > 1 && `${now}` !== `${shape}` && `${now}` === `${shape.toReversed()}`)
      return ': it is the transpose, weights are [inputs, outputs]'
    const { heads = 1 } = model.parameters
    if (heads > 1 && named.some((size, i) => size === 'embedding' && heads * shape[i] === now[i]))
      return `: it has one of the ${heads} heads that lie side by side here (docs/exchange.md)`
    for (const [i, size] of named.entries())
      if (shape[i] !== now[i]) settings.add(settingOf(model, size, shape[i], now[i]))
  }
  settings.delete('')
  return settings.size > 0 ? `: for this file set ${[...settings].join('; ')}` : ''
}

function settingOf({ algorithm, parameters }: Model, size: Size, wanted: number, now: number): string {
  if (size === 'one') return ''
  if (size === 'item') return `features.dimensions to ${wanted} (it is ${now})`
  if (size === 'state')
    return `state.blocks, and the dimensions of each, so that a state has ${wanted} numbers, its leading 1 included (it has ${now})`
  const { heads = 1 } = parameters
  const from = (count: number): number => {
    // class 0 is any other item
    if (size === 'maxActions') return count - 1
    return size === 'embedding' ? count / heads : count
  }
  const beside = size === 'embedding' && heads > 1 ? `, ${heads} heads side by side` : ''
  return `policies[].${sectionOf(algorithm)}.${size} to ${from(wanted)} (it is ${from(now)}${beside})`
}

/** `two-tower` is configured under `twoTower`. */
const sectionOf = (algorithm: string): string => algorithm.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())

/**
 * The encoded state as a sum of named parts, for explanations: profile, each name of the context, each item of the history
 * with the weight that its interactions have in the mean. Made with the encoder itself, so it cannot tell another story;
 * the parts and the bias add up to the encoded state, but for rounding.
 */
import type { Interaction, Snapshot } from '../../schemas/records.ts'
import type { Config } from '../config.ts'
import { createStateEncoder, interactionWeight, type VectorLookup } from './encode.ts'
import { noSnapshot } from './user.ts'

export interface Part {
  /** `profile`, `context:NAME`, `history:ITEM`. */
  readonly name: string
  /** As long as the encoded state; 0 at the bias. */
  readonly vector: Float64Array
}

export function createParts(config: Config): (snapshot: Snapshot, lookup: VectorLookup) => readonly Part[] {
  const encoder = createStateEncoder(config)
  const weightOf = interactionWeight(config.state)
  return (snapshot, lookup) => {
    const part = (name: string, of: Partial<Snapshot>, share = 1): Part => {
      const vector = encoder.encode({ ...noSnapshot, ...of }, lookup).map(value => share * value)
      vector[0] = 0
      return { name, vector }
    }
    const { profile, context, history } = snapshot
    const known = history.filter(({ item_id, feature_version: version }) => lookup(item_id, version) !== undefined)
    const weigh = (some: readonly Interaction[]) => some.reduce((sum, each) => sum + Math.abs(weightOf(each)), 0)
    const total = weigh(known)
    const items = [...Map.groupBy(known, ({ item_id }) => item_id)].filter(([, own]) => weigh(own) > 0)
    return [
      ...(profile ? [part('profile', { profile })] : []),
      ...Object.entries(context).map(([name, value]) => part(`context:${name}`, { context: { [name]: value } })),
      ...items.map(([itemId, own]) => part(`history:${itemId}`, { history: own }, weigh(own) / total)),
    ].filter(({ vector }) => vector.some(value => value !== 0))
  }
}

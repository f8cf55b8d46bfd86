/**
 * The one state encoder: raw snapshot -> vector, used by the ranker at decision time and by the learner from the log,
 * bit-identically. It may use nothing but the snapshot and the item vectors of the versions that the snapshot names:
 * no clock, no current catalogue. Sums run in the snapshot's own order (history) or in name order (context), because
 * floating-point addition is not associative and a map may come back from the wire in another order.
 */
import type { Interaction, Snapshot } from '../../schemas/records.ts'
import type { Config } from '../config.ts'
import { seedOf } from './random.ts'

/** The vector of exactly that version of an item; undefined when unknown. */
export type VectorLookup = (itemId: string, featureVersion: number) => Float32Array | undefined

/** Elements of the vector. */
export interface Part {
  readonly from: number
  readonly count: number
}

export interface StateEncoder {
  /** Name, layout and a hash of the weights, e.g. `mean-1:history32+context8#04c2a7f1`: logged as encoder_version. */
  readonly version: string
  /** Length of the vector, the leading bias included. */
  readonly dimensions: number
  /** Where the raw numbers stand, in any unit; a count of 0: there are none. */
  readonly numbers: Part
  /** Where the mean of the history's item vectors stands; a count of 0: it is no part of the state. */
  readonly history: Part
  /** A new vector `[1, block, block …]` in the order of `state.blocks`. */
  encode(snapshot: Snapshot, lookup: VectorLookup): Float64Array
}

interface Block {
  readonly dimensions: number
  /** Writes into `out`, which is zero there, from `offset` on. */
  write(out: Float64Array, offset: number, snapshot: Snapshot, lookup: VectorLookup): void
}

export function createStateEncoder(config: Config): StateEncoder {
  const { state, features } = config
  const names = [...new Set(state.blocks)]
  const blocks = names.map(name => createBlock(name, config))
  const dimensions = blocks.reduce((sum, block) => sum + block.dimensions, 1)
  const layout = names.map((name, i) => `${name}${blocks[i].dimensions}`).join('+')
  const weights = Object.entries(state.typeWeights).sort(([a], [b]) => (a < b ? -1 : 1))
  const named = names.includes('numbers') ? [state.numbers] : []
  const counted = names.includes('counts') ? [state.counts, state.rates] : []
  const settings = JSON.stringify([
    features.dimensions,
    state.halfLifeMs,
    state.valueScale,
    weights,
    ...named,
    ...counted,
  ])
  const fromOf = (name: (typeof names)[number]): number =>
    blocks.slice(0, Math.max(0, names.indexOf(name))).reduce((sum, block) => sum + block.dimensions, 1)
  return {
    version: `mean-1:${layout}#${(seedOf(settings) % 2 ** 32).toString(16).padStart(8, '0')}`,
    dimensions,
    numbers: { from: fromOf('numbers'), count: named.length > 0 ? state.numbers.length : 0 },
    history: { from: fromOf('history'), count: names.includes('history') ? features.dimensions : 0 },
    encode(snapshot, lookup) {
      const out = new Float64Array(dimensions)
      out[0] = 1
      let offset = 1
      for (const block of blocks) {
        block.write(out, offset, snapshot, lookup)
        offset += block.dimensions
      }
      return out
    },
  }
}

function createBlock(name: Config['state']['blocks'][number], config: Config): Block {
  const { dimensions } = config.features
  if (name === 'history') return meanBlock(config, () => 1)
  if (name === 'values') return meanBlock(config, interaction => interaction.value / config.state.valueScale)
  if (name === 'profile')
    return { dimensions, write: (out, offset, { profile }) => copy(out, offset, profile, dimensions) }
  const { contextDimensions, numbers, blocks } = config.state
  if (name === 'numbers') return numbersBlock(numbers)
  if (name === 'counts') return countsBlock(config.state)
  const placed = new Set(blocks.includes('numbers') ? numbers : [])
  return {
    dimensions: contextDimensions,
    write: (out, offset, { context }) => hashContext(out.subarray(offset, offset + contextDimensions), context, placed),
  }
}

/** Numbers and flags of the context by name, as they are; 0 for one that is not there or is no number. */
const numbersBlock = (names: readonly string[]): Block => ({
  dimensions: names.length,
  write(out, offset, { context }) {
    names.forEach((name, i) => {
      const value = context[name]
      out[offset + i] = typeof value === 'number' ? value : value === true ? 1 : 0
    })
  },
})

/** log(1 + n) of each event type listed, then each rate as its distance from the prior, shrunk to 0 while little is known:
 * the mean of a Beta posterior less that of the prior. Smooth in the counts, and 0 for somebody unknown. */
const countsBlock = ({ counts: types, rates }: Config['state']): Block => ({
  dimensions: types.length + rates.length,
  write(out, offset, { counts }) {
    const seen = (type: string): number => (Object.hasOwn(counts, type) ? counts[type] : 0)
    types.forEach((type, i) => {
      out[offset + i] = Math.log1p(seen(type))
    })
    rates.forEach(({ of, per, prior, strength }, i) => {
      out[offset + types.length + i] = (seen(of) - prior * seen(per)) / (seen(per) + strength)
    })
  },
})

/** Weighted mean of the history's item vectors: Σ w·s·x / Σ|w| with w = type weight · 2^(-age / half-life) and s the
 * `scale` of the interaction. |w| in the denominator, so that negative type weights (a dislike) cannot make it vanish.
 * Interactions whose vector is unknown, or whose type has no weight, are absent from both sums. */
function meanBlock(config: Config, scale: (interaction: Interaction) => number): Block {
  const { dimensions } = config.features
  const weightOf = interactionWeight(config.state)
  return {
    dimensions,
    write(out, offset, { history }, lookup) {
      let total = 0
      for (const interaction of history) {
        const weight = weightOf(interaction)
        if (weight === 0) continue
        const vector = lookup(interaction.item_id, interaction.feature_version)
        if (vector === undefined) continue
        total += Math.abs(weight)
        addScaled(out, offset, vector, weight * scale(interaction), dimensions)
      }
      if (total > 0) for (let d = 0; d < dimensions; d++) out[offset + d] /= total
    },
  }
}

/** w of an interaction in the mean of the history. */
export function interactionWeight({ halfLifeMs, typeWeights }: Config['state']): (interaction: Interaction) => number {
  const weights = new Map(Object.entries(typeWeights))
  return ({ type, age_ms: ageMs }) => (weights.get(type) ?? 0) * (halfLifeMs > 0 ? 2 ** (-ageMs / halfLifeMs) : 1)
}

function addScaled(out: Float64Array, offset: number, vector: Float32Array, factor: number, dimensions: number): void {
  const length = Math.min(vector.length, dimensions)
  for (let d = 0; d < length; d++) out[offset + d] += factor * vector[d]
}

function copy(out: Float64Array, offset: number, profile: Buffer | null, dimensions: number): void {
  const length = Math.min((profile?.length ?? 0) >> 2, dimensions)
  for (let d = 0; d < length; d++) out[offset + d] = profile!.readFloatLE(4 * d)
}

/** Signed feature hashing (Weinberger et al. 2009): a number is ±value at hash(name), a word ±1 at hash(name=word), a
 * flag that is set ±1 at hash(name). Names that have a place of their own are left out. The sign is a further bit of the hash, so that collisions cancel in expectation. */
function hashContext(out: Float64Array, context: Snapshot['context'], placed: ReadonlySet<string>): void {
  for (const name of inOrder(Object.keys(context))) {
    if (placed.has(name)) continue
    const value = context[name]
    const begun = fold(HASH_START, name)
    const hash = finish(typeof value === 'string' ? fold(fold(begun, '='), value) : begun)
    const amount = typeof value === 'number' ? value : value === false ? 0 : 1
    out[(hash >>> 1) % out.length] += (hash & 1) === 1 ? amount : -amount
  }
}

/** Sorts in place what is not sorted yet. */
function inOrder(names: string[]): string[] {
  for (let i = 1; i < names.length; i++) if (names[i] < names[i - 1]) return names.sort()
  return names
}

/** FNV-1a over UTF-16 code units, `fold` by `fold`, with murmur3's finaliser so that the low bits are good too. */
const HASH_START = 0x811c9dc5

function fold(start: number, text: string): number {
  let hash = start
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash
}

function finish(folded: number): number {
  let hash = Math.imul(folded ^ (folded >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/**
 * The encoder that needs nothing: hashed id, words and attributes. Every token becomes a dense unit vector of random
 * signs seeded by its hash (feature hashing with +-1, Weinberger et al. 2009, but dense, since dimensions are few), each
 * of the three parts is scaled to length 1 (a text's says how many words there are, too), the text to TEXT, and their sum to 1.
 * Ids get better than chance where they can: the ids of one numbered series (`p0`, `p1` …) take successive rows of an
 * orthogonal matrix, so that up to `dimensions` of them are exactly orthogonal and a mean of their vectors can be undone
 * by a linear model. Random signs would leave 10 items in 16 dimensions with a condition number in the tens.
 */
import { createRandom, seedOf } from '../state/random.ts'
import { type Encoder, type EncoderInput, normalise } from './encoder.ts'

/** Length of the text's part beside the id's. All texts share their common words: as long as the ids' part they blur who is
 * who in a person's history more than they tell of new items (docs/learning.md). */
const TEXT = 0.3

export function createHashedEncoder(dimensions: number): Encoder {
  return {
    version: `hashed-3:${dimensions}`,
    dimensions,
    encode: async inputs => inputs.map(input => hashedVector(input, dimensions)),
  }
}

/** Length 1; zeros for an input with neither id nor content. */
export function hashedVector(input: EncoderInput, dimensions: number): Float32Array {
  const sum = new Float32Array(dimensions)
  if (input.id !== '') addScaled(sum, idVector(input.id, dimensions))
  addScaled(sum, textVector(input.text ?? '', dimensions), input.id === '' ? 1 : TEXT)
  addScaled(sum, tokensVector(attributeWeights(input.attributes), dimensions))
  return normalise(sum)
}

function addScaled(sum: Float32Array, part: Float32Array, weight = 1): void {
  for (let i = 0; i < sum.length; i++) sum[i] += weight * part[i]
}

type TokenWeights = ReadonlyMap<string, number>

function tokensVector(tokens: TokenWeights, dimensions: number): Float32Array {
  const sum = new Float32Array(dimensions)
  for (const [token, weight] of tokens) addScaled(sum, signs(token, dimensions), weight)
  return normalise(sum)
}

/** Which words there are and, in equal parts, how many: scaled to length 1 the words alone would not tell a line from a page. */
function textVector(text: string, dimensions: number): Float32Array {
  const words = Array.from(text.toLowerCase().matchAll(/[\p{L}\p{N}]+/gu), ([word]) => word)
  const sum = tokensVector(wordWeights(words), dimensions)
  if (words.length > 0) addScaled(sum, tokensVector(new Map(ticks('words', words.length)), dimensions))
  return normalise(sum)
}

/** The n-th repetition counts ever less (1 + ln n). */
function wordWeights(words: readonly string[]): TokenWeights {
  const counts = new Map<string, number>()
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
  return new Map([...counts].map(([word, count]) => [`word:${word}`, 1 + Math.log(count)]))
}

/** A number lies between two ticks of a logarithmic scale and shares its weight among them: near numbers are near. */
function ticks(name: string, value: number): [string, number][] {
  const at = 2 * Math.asinh(value)
  const below = Math.floor(at)
  return [
    [`${name}~${below}`, 1 - (at - below)],
    [`${name}~${below + 1}`, at - below],
  ]
}

function attributeWeights(attributes: EncoderInput['attributes']): TokenWeights {
  const weights = new Map<string, number>()
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value !== 'number') weights.set(`attribute:${name}=${String(value).toLowerCase()}`, 1)
    else if (Number.isFinite(value))
      for (const [tick, weight] of ticks(`attribute:${name}`, value)) weights.set(tick, weight)
  }
  return weights
}

/** Signs seeded by the token, scaled to length 1. */
function signs(token: string, dimensions: number): Float32Array {
  const random = createRandom(seedOf(token))
  const size = 1 / Math.sqrt(dimensions)
  return Float32Array.from({ length: dimensions }, () => (random.uniform() < 0.5 ? -size : size))
}

/** An id that ends in a number k: row k mod d of the orthonormal cosine matrix (DCT-II), columns signed by the series
 * and by k div d, which keeps rows of one block orthogonal. Any other id: signs. */
export function idVector(id: string, dimensions: number): Float32Array {
  const [, series, digits] = /^(.*?)(\d{1,15})$/s.exec(id) ?? []
  if (digits === undefined) return signs(`id:${id}`, dimensions)
  const padding = digits.length > 1 && digits[0] === '0' ? digits.length : 0
  const row = Number(digits) % dimensions
  const block = Math.floor(Number(digits) / dimensions)
  const vector = signs(`series:${series}:${padding}:${block}`, dimensions)
  const scale = row === 0 ? 1 : Math.SQRT2
  for (let j = 0; j < dimensions; j++) vector[j] *= scale * Math.cos((Math.PI * (j + 0.5) * row) / dimensions)
  return vector
}

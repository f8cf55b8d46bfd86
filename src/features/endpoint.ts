/**
 * Any OpenAI-compatible embeddings endpoint as an encoder (the call: endpoint-call.ts). A refusal is believed to be a text's
 * fault only when that text stands alone (`encodeEach` halves until it does) and a text that says nothing is embedded all
 * the same: of a wrong model name, or another model behind the same name, no item may go to the dead letters. How many
 * numbers the model answers with is configured, or asked for with that same text.
 */
import { readFileSync } from 'node:fs'
import { FeedloopError, isCode } from '../errors.ts'
import { type Encoder, normalise } from './encoder.ts'
import { type Caller, type EndpointConfig, embeddings, refuse } from './endpoint-call.ts'
import { createProjection, describe } from './projection.ts'

/** What any model embeds. */
const PROBE = 'feedloop'

interface Model {
  /** How many numbers it answers with. */
  readonly native: number
  readonly project: (vector: Float32Array) => Float32Array
  /** Two answers agreed on `native`, or it is configured. */
  confirmed: boolean
}

/** @throws FeedloopError DATA_MISSING when the key file cannot be read */
export function createEndpointEncoder(config: EndpointConfig, dimensions: number): Encoder {
  const closing = new AbortController()
  const caller: Caller = { config, key: config.keyFile ? readKey(config.keyFile) : undefined, signal: closing.signal }
  const modelOf = (native: number, confirmed: boolean): Model => ({
    native,
    confirmed,
    project: createProjection(native, dimensions),
  })
  let model = config.dimensions === undefined ? undefined : modelOf(config.dimensions, true)

  const embed = async (texts: readonly string[]): Promise<Float32Array[]> => {
    const known = model ?? modelOf(await probe(caller), false)
    model ??= known
    try {
      const vectors = (await embeddings(caller, texts)).map(embedding => checked(embedding, known.native))
      known.confirmed = true
      return vectors.map(known.project)
    } catch (error) {
      if (isCode(error, 'ENCODER_REFUSED') && texts.length === 1) await assertWorks(known)
      throw error
    }
  }
  const assertWorks = async (known: Model): Promise<void> => {
    const now = await probe(caller)
    if (now === known.native) return
    if (!known.confirmed && model === known) model = undefined
    const detail = `embeddings of ${now} dimensions, not ${known.native}`
    throw new FeedloopError('ENCODER_UNAVAILABLE', `${detail}: another model needs another features.endpoint.model`)
  }
  return {
    version: `endpoint-1:${config.model}:${dimensions}`,
    dimensions,
    async encode(inputs) {
      const texts = inputs.map(({ text, attributes }) => describe(text, attributes))
      const vectors: Float32Array[] = []
      for (let i = 0; i < texts.length; i += config.batchSize)
        vectors.push(...(await embed(texts.slice(i, i + config.batchSize))))
      return vectors
    },
    close: async () => closing.abort(),
  }
}

/** @returns how many numbers the model answers with @throws FeedloopError ENCODER_UNAVAILABLE */
async function probe(caller: Caller): Promise<number> {
  try {
    const [embedding] = await embeddings(caller, [PROBE])
    return checked(embedding).length
  } catch (error) {
    if (!isCode(error, 'ENCODER_REFUSED')) throw error
    throw new FeedloopError('ENCODER_UNAVAILABLE', `every text is refused: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

/** @throws FeedloopError ENCODER_REFUSED unless it is of `native` finite numbers */
function checked(embedding: readonly unknown[], native = embedding.length): Float32Array {
  if (native === 0 || embedding.length !== native)
    refuse(`an embedding of ${embedding.length} dimensions, not ${native}`)
  if (!embedding.every(x => typeof x === 'number' && Number.isFinite(x))) refuse('an embedding that is not finite')
  return normalise(Float32Array.from(embedding as number[]))
}

function readKey(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (cause) {
    throw new FeedloopError('DATA_MISSING', `cannot read the key file ${file}`, { cause })
  }
}

/**
 * Sentence encoder in this process: a BERT-like ONNX model from a local folder (onnx/model_quantized.onnx or
 * onnx/model.onnx, tokenizer.json, tokenizer_config.json), mean of the token vectors under the mask, length 1 (Reimers and
 * Gurevych 2019). Nothing is downloaded. The two packages are not installed with feedloop (290 MB): they are looked for
 * in the model folder's node_modules, then in feedloop's own.
 */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { FeedloopError } from '../errors.ts'
import { type Encoder, type EncoderInput, normalise } from './encoder.ts'
import { createProjection, describe } from './projection.ts'

/** Small batches of texts of like length: padding is work, and a batch's memory is its largest. */
const BATCH = 16
const MAX_TOKENS = 256

interface Tokenizer {
  encode(text: string): { ids: number[] }
}
interface Tensor {
  readonly data: Float32Array
  readonly dims: readonly number[]
}
interface Session {
  readonly inputNames: readonly string[]
  readonly outputNames: readonly string[]
  run(feeds: Record<string, unknown>): Promise<Record<string, Tensor>>
  release(): Promise<void>
}
interface Runtime {
  readonly InferenceSession: { create(model: string, options: object): Promise<Session> }
  readonly Tensor: new (type: 'int64', data: BigInt64Array, dims: readonly number[]) => unknown
}
interface Tokenizers {
  readonly Tokenizer: new (tokenizer: object, config: object) => Tokenizer
}

/** @throws FeedloopError DEPENDENCY_MISSING, DATA_MISSING */
export async function createOnnxEncoder(folder: string, dimensions: number): Promise<Encoder> {
  const runtime = load<Runtime>('onnxruntime-node', folder)
  const { Tokenizer } = load<Tokenizers>('@huggingface/tokenizers', folder)
  const model = ['model_quantized.onnx', 'model.onnx'].map(name => join(folder, 'onnx', name)).find(existsSync)
  if (!model) throw new FeedloopError('DATA_MISSING', `no onnx/model_quantized.onnx or onnx/model.onnx in ${folder}`)
  const tokenizer = new Tokenizer(
    readJson(join(folder, 'tokenizer.json')),
    readJson(join(folder, 'tokenizer_config.json')),
  )
  const session = await openModel(runtime, model)
  let project: ReturnType<typeof createProjection> | undefined

  /** Token ids, never more than the model takes; the last one closes the sentence. */
  const tokens = (input: EncoderInput): number[] => {
    const { ids } = tokenizer.encode(describe(input.text, input.attributes))
    return ids.length <= MAX_TOKENS ? ids : [...ids.slice(0, MAX_TOKENS - 1), ids[ids.length - 1]]
  }
  const encodeBatch = async (batch: readonly number[][]): Promise<Float32Array[]> => {
    const output = await session.run(feeds(runtime, session, batch))
    const hidden = output[session.outputNames[0]]
    project ??= createProjection(hidden.dims[2], dimensions)
    return batch.map((ids, row) => project!(meanVector(hidden, row, ids.length)))
  }
  const hash = createHash('sha256').update(readFileSync(model)).digest('hex').slice(0, 12)
  return {
    version: `onnx-1:${hash}:${dimensions}`,
    dimensions,
    async encode(inputs) {
      const rows = inputs
        .map((input, index) => ({ index, ids: tokens(input) }))
        .sort((a, b) => a.ids.length - b.ids.length)
      const vectors = new Array<Float32Array>(inputs.length)
      for (let i = 0; i < rows.length; i += BATCH) {
        const batch = rows.slice(i, i + BATCH)
        const encoded = await encodeBatch(batch.map(row => row.ids))
        for (const [k, { index }] of batch.entries()) vectors[index] = encoded[k]
      }
      return vectors
    },
    close: () => session.release(),
  }
}

/** Ids, mask and segment of each token, padded to the longest row. */
function feeds(runtime: Runtime, session: Session, batch: readonly number[][]): Record<string, unknown> {
  const width = Math.max(...batch.map(ids => ids.length))
  const tensor = (value: (ids: readonly number[], column: number) => number) => {
    const data = new BigInt64Array(batch.length * width)
    for (const [row, ids] of batch.entries())
      for (let column = 0; column < ids.length; column++) data[row * width + column] = BigInt(value(ids, column))
    return new runtime.Tensor('int64', data, [batch.length, width])
  }
  const all: Record<string, unknown> = {
    input_ids: tensor((ids, column) => ids[column]),
    attention_mask: tensor(() => 1),
    token_type_ids: tensor(() => 0),
  }
  return Object.fromEntries(session.inputNames.map(name => [name, all[name]]))
}

function meanVector({ data, dims }: Tensor, row: number, tokens: number): Float32Array {
  const [, width, size] = dims
  const mean = new Float32Array(size)
  for (let token = 0; token < tokens; token++)
    for (let d = 0; d < size; d++) mean[d] += data[(row * width + token) * size + d]
  return normalise(mean)
}

async function openModel(runtime: Runtime, model: string): Promise<Session> {
  try {
    // one thread: two were slower on small batches, and the core is shared
    return await runtime.InferenceSession.create(model, {
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      logSeverityLevel: 3,
    })
  } catch (cause) {
    throw new FeedloopError('DATA_MISSING', `${model} does not load: ${(cause as Error).message}`, { cause })
  }
}

function load<T>(name: string, folder: string): T {
  for (const from of [join(resolve(folder), 'index.js'), import.meta.filename]) {
    try {
      return createRequire(from)(name) as T
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND')
        throw new FeedloopError('DEPENDENCY_MISSING', `${name} does not load: ${(error as Error).message}`, {
          cause: error,
        })
    }
  }
  throw new FeedloopError(
    'DEPENDENCY_MISSING',
    `the onnx encoder needs ${name}: ONNXRUNTIME_NODE_INSTALL=skip npm install --prefix ${folder} onnxruntime-node @huggingface/tokenizers`,
  )
}

function readJson(file: string): object {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as object
  } catch (cause) {
    throw new FeedloopError('DATA_MISSING', `cannot read ${file}: ${(cause as Error).message}`, { cause })
  }
}

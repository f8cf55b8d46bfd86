/**
 * From states to what is to be published, with patience: while the encoder is down, what has a vector keeps it, and the
 * rest waits (its newest state only) or gets a vector of the fallback encoder until the real one is back. Knows no log.
 */
import { type FeedloopError, isCode } from '../errors.ts'
import { type Encoder, encodeEach } from './encoder.ts'
import { type Content, contentVersion, type Kind, type Published, plan, planWhileDown, publishable } from './step.ts'

/** A state with where it came from. */
export interface State<O> {
  readonly content: Content
  readonly origin: O
}

interface Work<O> extends State<O> {
  readonly version: number
}

export interface EncodingOptions<O> {
  readonly kind: Pick<Kind<never, never>, 'encoderInput'>
  readonly encoder: Encoder
  /** Absent: what has no vector waits. */
  readonly fallback?: Encoder
  /** The newest published of each id. */
  readonly known: ReadonlyMap<string, Published>
  readonly retryMs: number
  readonly count: (result: 'encoded' | 'unchanged' | 'fallback' | 'waiting' | 'refused', value: number) => void
  readonly encoderSeconds: (seconds: number) => void
  readonly refused: (origin: O, error: FeedloopError) => Promise<void>
  readonly down: (error: unknown) => void
}

export interface Encoding<O> {
  /** To be published now, because of these states and of those that waited long enough.
   * @throws what the encoder throws but ENCODER_UNAVAILABLE and ENCODER_REFUSED */
  handle(states: readonly State<O>[], nowMs: number): Promise<Published[]>
  /** States whose encoding is still owed. */
  readonly waiting: ReadonlyMap<string, State<O>>
  /** Nothing is owed to this id any more, but for states later than `untilMs`. */
  forget(id: string, untilMs: number): void
}

export function createEncoding<O>(options: EncodingOptions<O>): Encoding<O> {
  const { kind, encoder, fallback, known, count } = options
  const waiting = new Map<string, State<O>>()
  let retryAtMs = 0

  const encode = async (work: readonly Work<O>[], nowMs: number): Promise<Published[]> => {
    if (work.length === 0) return []
    if (nowMs < retryAtMs) return makeDo(work)
    const started = performance.now()
    try {
      const results = await encodeEach(
        encoder,
        work.map(({ content }) => kind.encoderInput(content)),
      )
      options.encoderSeconds((performance.now() - started) / 1000)
      return await settle(work, results)
    } catch (error) {
      if (!isCode(error, 'ENCODER_UNAVAILABLE')) throw error
      options.down(error)
      retryAtMs = nowMs + options.retryMs
      return makeDo(work)
    }
  }
  const settle = async (work: readonly Work<O>[], results: readonly (Float32Array | FeedloopError)[]) => {
    const published: Published[] = []
    for (const [i, { content, origin, version }] of work.entries()) {
      const result = results[i]
      waiting.delete(content.id)
      if (result instanceof Float32Array) published.push(publishable(content, version, encoder.version, result))
      else await options.refused(origin, result)
    }
    count('encoded', published.length)
    count('refused', work.length - published.length)
    return published
  }
  const makeDo = async (work: readonly Work<O>[]): Promise<Published[]> => {
    count('waiting', work.filter(({ content }) => !waiting.has(content.id)).length)
    for (const state of work) waiting.set(state.content.id, state)
    const kept = work.map(({ content }) => planWhileDown(content, known.get(content.id)))
    const published = kept.flatMap(each => (each.act === 'publish' ? [each.published] : []))
    return fallback ? [...published, ...(await fallBack(work, fallback))] : published
  }
  const fallBack = async (work: readonly Work<O>[], instead: Encoder): Promise<Published[]> => {
    const bare = work.filter(({ content }) => !known.has(content.id))
    const vectors = await instead.encode(bare.map(({ content }) => kind.encoderInput(content)))
    count('fallback', bare.length)
    return bare.map(({ content }, i) =>
      publishable(content, contentVersion(content, instead.version), instead.version, vectors[i]),
    )
  }
  return {
    waiting,
    forget(id, untilMs) {
      const owed = waiting.get(id)
      if (owed && owed.content.timeMs <= untilMs) waiting.delete(id)
    },
    async handle(states, nowMs) {
      const due = waiting.size > 0 && nowMs >= retryAtMs ? [...waiting.values()] : []
      const work: Work<O>[] = []
      const published: Published[] = []
      const newest = newestOf([...due, ...states])
      for (const state of newest) {
        const planned = plan(state.content, known.get(state.content.id), encoder.version)
        if (planned.act === 'encode') work.push({ ...state, version: planned.version })
        else waiting.delete(state.content.id)
        if (planned.act === 'publish') published.push(planned.published)
      }
      count('unchanged', newest.length - work.length)
      return [...published, ...(await encode(work, nowMs))]
    },
  }
}

/** Of several states of one id the newest; of one time the last. */
function newestOf<O>(states: readonly State<O>[]): State<O>[] {
  const newest = new Map<string, State<O>>()
  for (const state of states) {
    const other = newest.get(state.content.id)
    if (other === undefined || state.content.timeMs >= other.content.timeMs) newest.set(state.content.id, state)
  }
  return [...newest.values()]
}

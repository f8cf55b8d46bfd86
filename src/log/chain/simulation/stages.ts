/**
 * Three stages made to break a chain that cheats. What they emit depends on all that came before, on what chance lent the
 * step (as a model does) and on the tick, so that a lost, repeated, reordered or recomputed step shows in the outputs.
 *
 * `summing` (events, requests -> recommendations) answers each request with the sum so far.
 * `closing` (recommendations, events -> transitions) holds each answer open for a while and closes it by the tick.
 * `pairing` (recommendations, transitions -> releases) reads two chains, one made from the other: whichever half of a
 *   request comes first waits for the other.
 */
import { FeedloopError } from '../../../errors.ts'
import type { Input, Output, Stage, StageState, StepResult, Tick } from '../../../stage.ts'
import type { Wire } from '../../wire/wire.ts'

export const openForMs = 25

export interface Sum {
  readonly sum: number
  readonly lastMs: number
  readonly answered: number
}

export interface Answer {
  readonly id: number
  readonly sum: number
  readonly draw: number
  readonly sinceMs: number
  readonly after: Sum
}

export interface Open {
  readonly id: number
  readonly sum: number
  readonly closesMs: number
}

export interface Closed {
  readonly id: number
  readonly sum: number
  readonly events: number
  readonly tickMs: number
  readonly after: { readonly open: readonly Open[]; readonly events: number }
}

/** A state that is one value, replaced, with an overlay. */
export interface Cell<T> extends StageState {
  value: T
}

function cell<T>(start: T): Cell<T> & { discard(): void } {
  let kept = start
  return {
    value: start,
    commit() {
      kept = this.value
    },
    discard() {
      this.value = kept
    },
  }
}

const nothing = { refusals: [], counts: [] } as const
/** A request that the stage refuses. */
export const refusable = (value: unknown): boolean => (value as { refuse?: boolean }).refuse === true

/** What one answer does to the state; `draw` is chance when it is decided, and read from the answer when it is folded. */
const answered = ({ sum, answered: count }: Sum, draw: number, tick: Tick): Sum => ({
  sum: sum + draw,
  answered: count + 1,
  lastMs: tick.timeMs,
})

export interface Draw {
  draw(): number
}

export const summing: Stage<Cell<Sum>, Draw> = {
  name: 'summing',
  open: () => cell<Sum>({ sum: 0, lastMs: 0, answered: 0 }),
  step(state, inputs, tick, chance): StepResult {
    const outputs: Output<Answer>[] = []
    const refusals: StepResult['refusals'][number][] = []
    for (const input of inputs) {
      if (refusable(input.value)) refusals.push({ input, code: 'RECORD_INVALID', detail: 'refused' })
      else if (input.topic === 'events') state.value = addEvent(state.value, input)
      else {
        const before = state.value
        const draw = chance.draw()
        state.value = answered(before, draw, tick)
        outputs.push({
          key: null,
          value: {
            id: (input.value as { id: number }).id,
            sum: before.sum,
            draw,
            sinceMs: tick.timeMs - before.lastMs,
            after: state.value,
          },
        })
      }
    }
    return { ...nothing, outputs, refusals }
  },
  fold(state, inputs, outputs, tick) {
    const answers = outputs.map(({ value }) => value as Answer)
    if (inputs.length === 0 && answers.length > 0) {
      state.value = answers.at(-1)!.after
      return
    }
    for (const input of inputs) {
      if (refusable(input.value)) continue
      if (input.topic === 'events') state.value = addEvent(state.value, input)
      else state.value = answered(state.value, answers.shift()!.draw, tick)
    }
  },
}

const addEvent = (before: Sum, input: Input): Sum => ({ ...before, sum: before.sum + (input.value as { n: number }).n })

export interface Joins {
  readonly open: readonly Open[]
  readonly events: number
}

const take = (before: Joins, input: Input, tick: Tick): Joins => {
  if (refusable(input.value)) return before
  if (input.topic === 'events') return { ...before, events: before.events + (input.value as { n: number }).n }
  const { id, sum } = input.value as Answer
  return { ...before, open: [...before.open, { id, sum, closesMs: tick.timeMs + openForMs }] }
}

export const closing: Stage<Cell<Joins>, Draw> = {
  name: 'closing',
  open: () => cell<Joins>({ open: [], events: 0 }),
  due: (state, tick) => state.value.open.some(one => one.closesMs <= tick.timeMs),
  step(state, inputs, tick): StepResult {
    for (const input of inputs) state.value = take(state.value, input, tick)
    const outputs: Output<Closed>[] = []
    for (const one of state.value.open) {
      if (one.closesMs > tick.timeMs) continue
      state.value = { ...state.value, open: state.value.open.filter(other => other !== one) }
      outputs.push({
        key: null,
        value: { id: one.id, sum: one.sum, events: state.value.events, tickMs: tick.timeMs, after: state.value },
      })
    }
    return { ...nothing, outputs }
  },
  fold(state, inputs, outputs, tick) {
    const last = outputs.at(-1)?.value as Closed | undefined
    if (inputs.length === 0 && last !== undefined) {
      state.value = last.after
      return
    }
    for (const input of inputs) state.value = take(state.value, input, tick)
    const closed = new Set(outputs.map(({ value }) => (value as Closed).id))
    state.value = { ...state.value, open: state.value.open.filter(one => !closed.has(one.id)) }
  },
}

export interface Halves {
  readonly answers: readonly Pick<Answer, 'id' | 'sum'>[]
  readonly closed: readonly Pick<Closed, 'id' | 'events'>[]
  readonly pairs: number
}

export interface Pair {
  readonly id: number
  readonly sum: number
  readonly events: number
  /** Pairs before this one. */
  readonly before: number
  /** The answer came first. */
  readonly answerFirst: boolean
  readonly tickMs: number
  readonly after: Halves
}

/** What one half does: it waits, or makes a pair with the one that waited. */
function pairUp(
  before: Halves,
  input: Input,
  tick: Tick,
): { readonly after: Halves; readonly pair: Omit<Pair, 'after'> | null } {
  const half = input.value as Answer & Closed
  const answerFirst = input.topic === 'transitions'
  const [answer, closed] = answerFirst
    ? [before.answers.find(({ id }) => id === half.id), half]
    : [half, before.closed.find(({ id }) => id === half.id)]
  if (answer !== undefined && closed !== undefined) {
    const { id, sum } = answer
    const after = {
      answers: before.answers.filter(one => one.id !== id),
      closed: before.closed.filter(one => one.id !== id),
      pairs: before.pairs + 1,
    }
    const { timeMs: tickMs } = tick
    return { after, pair: { id, sum, events: closed.events, before: before.pairs, answerFirst, tickMs } }
  }
  const after = answerFirst
    ? { ...before, closed: [...before.closed, { id: half.id, events: half.events }] }
    : { ...before, answers: [...before.answers, { id: half.id, sum: half.sum }] }
  return { after, pair: null }
}

export const pairing: Stage<Cell<Halves>, Draw> = {
  name: 'pairing',
  open: () => cell<Halves>({ answers: [], closed: [], pairs: 0 }),
  step(state, inputs, tick): StepResult {
    const pairs: Omit<Pair, 'after'>[] = []
    for (const input of inputs) {
      const { after, pair } = pairUp(state.value, input, tick)
      state.value = after
      if (pair !== null) pairs.push(pair)
    }
    // Halves that wait may have come after the last pair of the step.
    return { ...nothing, outputs: pairs.map(pair => ({ key: null, value: { ...pair, after: state.value } })) }
  },
  fold(state, inputs, outputs, tick) {
    const last = outputs.at(-1)?.value as Pair | undefined
    if (inputs.length === 0 && last !== undefined) state.value = last.after
    else for (const input of inputs) state.value = pairUp(state.value, input, tick).after
  },
}

/** JSON; `?` does not decode. */
export const jsonWire: Wire = {
  encode: (_, value) => Buffer.from(JSON.stringify(value)),
  decode(_, bytes) {
    if (bytes[0] === 63) throw new FeedloopError('WIRE_DECODE_FAILED', 'simulated')
    return JSON.parse(bytes.toString())
  },
  learn: async () => false,
}

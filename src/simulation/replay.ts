/**
 * A stage run again from the beginning, alone and undisturbed, over exactly what its accepted steps say that they took:
 * the ranges of the inputs, the ticks, the quiet steps. It must come to the same bytes. What was emitted too much, too
 * little, out of a state that no accepted history explains, or under another tick than recorded, shows here.
 */
import { decode, encode } from '../log/chain/codec.ts'
import type { StepHeader } from '../log/chain/header.ts'
import type { AcceptedInLog } from '../log/chain/simulation/oracle.ts'
import type { TaskInput } from '../log/chain/task.ts'
import type { LogRecord } from '../log/log.ts'
import type { Wire } from '../log/wire/wire.ts'
import type { Input, Output } from '../stage.ts'
import type { AnyStage } from './stages.ts'

export interface Replay {
  readonly stage: AnyStage
  readonly wire: Wire
  readonly inputs: readonly TaskInput[]
  readonly output: TaskInput
  readonly chain: readonly AcceptedInLog[]
  /** All records that count of an input: of a chained one the accepted ones. */
  readonly records: (input: TaskInput) => readonly LogRecord[]
  /** What the rim lent the step of this batch. */
  readonly view: (batch: AcceptedInLog) => unknown
}

/** @returns the first difference; null: none */
export async function replay(run: Replay): Promise<string | null> {
  const { stage, inputs, output, chain, view } = run
  const state = await stage.open(output.partition)
  const take = await inputReader(run)
  const name = `${output.topic}/${output.partition}`
  for (const batch of chain) {
    const { header } = batch
    if (header.inputs.length !== inputs.length) return `${name}@${batch.base} names ${header.inputs.length} inputs`
    const outputs: Output[] = []
    const ends = [...(header.quiet ?? []), { next: header.inputs.map(({ next }) => next), tick: header.tick }]
    for (const { next, tick } of ends) {
      const taken = take(header, next)
      if (typeof taken === 'string') return `${name}@${batch.base}: ${taken}`
      outputs.push(...stage.step(state, taken, tick, view(batch)).outputs)
      state.commit()
    }
    const difference = differs(batch, encode(run.wire, output, outputs, header.tick.timeMs))
    if (difference !== null) return `${name}@${batch.base}: ${difference}`
  }
  return null
}

type Take = (header: StepHeader, next: readonly number[]) => Input[] | string

/** Cuts the inputs into the ranges that the steps name. */
async function inputReader({ inputs, records, wire }: Replay): Promise<Take> {
  const io = { log: undefined, rim: undefined, rules: undefined } as never
  const all = await Promise.all(inputs.map(async input => (await decode(io, wire, input, records(input))).inputs))
  const taken = inputs.map(() => ({ records: 0, next: 0 }))
  return (header, next) => {
    const step: Input[] = []
    for (const [index, input] of inputs.entries()) {
      const at = header.inputs.findIndex(each => each.topic === input.topic && each.partition === input.partition)
      const until = next[at]!
      const position = taken[index]!
      if (until < position.next) return `${input.topic} goes back from ${position.next} to ${until}`
      position.next = until
      const unseen = new Set((header.unseen ?? []).filter(([of]) => of === at).map(([, offset]) => offset))
      for (; (all[index]![position.records]?.offset ?? until) < until; position.records++) {
        const record = all[index]![position.records]!
        if (!unseen.has(record.offset)) step.push(record)
      }
    }
    return step
  }
}

function differs(batch: AcceptedInLog, expected: readonly { value: Buffer | null }[]): string | null {
  const found = batch.header.outputs === 0 ? [] : batch.records
  if (found.length !== expected.length) return `${found.length} outputs where ${expected.length} are due`
  const at = found.findIndex(({ value }, i) => !value!.equals(expected[i]!.value!))
  return at < 0 ? null : `output ${at} differs from a sequential run's`
}

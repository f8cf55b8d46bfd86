/** What happens to the topics whatever the tasks do: inputs come, the front is removed, a log is rolled back. */
import type { StepHeader } from '../header.ts'
import type { SimulatedPartition, StoredBatch } from './log.ts'
import type { AcceptedInLog, ChainView } from './oracle.ts'
import { troubledMs } from './plan.ts'
import type { World } from './world.ts'

export type Topics = ReadonlyMap<string, SimulatedPartition>

export interface Written {
  requests: number
  events: number
  /** Requests that the stages answer. */
  answerable: number
}

/** Requests and events over the first part of the time; some do not decode, some are refused. */
export function feedInputs(world: World, partitions: Topics): Written {
  const written = { requests: 0, events: 0, answerable: 0 }
  const put = (topic: 'requests' | 'events'): void => {
    const odd = world.random()
    const value =
      odd < 0.04
        ? '?'
        : JSON.stringify({
            id: written.requests,
            n: 1 + world.below(9),
            ...(odd < 0.08 && topic === 'requests' && { refuse: true }),
          })
    written[topic]++
    if (topic === 'requests' && odd >= 0.08) written.answerable++
    const atMs = world.random() * (troubledMs - 50)
    world.after(atMs, () => void partitions.get(topic)!.append([{ key: null, value: Buffer.from(value) }], world.nowMs))
  }
  const requests = 4 + world.below(14)
  for (let i = 0; i < requests; i++) put('requests')
  for (let i = 4 + world.below(20); i > 0; i--) put('events')
  return written
}

/** Removes what every accepted step has behind it, of `chains` in the order of the stages, keeping a first step with outputs and one that names it. */
export function removeFront(world: World, partitions: Topics, chains: readonly ChainView[]): void {
  const next = (header: StepHeader, topic: string): number =>
    header.inputs.find(position => position.topic === topic)!.next
  const pick = (chain: readonly AcceptedInLog[], below: number): AcceptedInLog | undefined => {
    const able = chain.filter(
      (batch, i) => batch.header.outputs > 0 && i > 0 && i < chain.length - 1 && batch.base <= below,
    )
    return able[world.below(able.length)]
  }
  const cut = (topic: string, offset: number): void => {
    const at = partitions.get(topic)!
    at.earliest = Math.max(at.earliest, offset)
    world.trace(`${topic} begins at ${at.earliest}`)
  }
  world.after(100 + 500 * world.random(), () => {
    const [answers, closed, pairs] = chains.map(chain => chain.accepted())
    const pair = pick(pairs!, Number.POSITIVE_INFINITY)
    const last = pair && pick(closed!, next(pair.header, 'transitions'))
    const first =
      last && pick(answers!, Math.min(next(last.header, 'recommendations'), next(pair.header, 'recommendations')))
    if (first === undefined) return
    cut('releases', pair!.base)
    cut('transitions', last!.base)
    cut('recommendations', first.base)
    cut('requests', next(first.header, 'requests'))
    cut('events', Math.min(next(first.header, 'events'), next(last!.header, 'events')))
  })
}

/** The end of a log that was lost. */
export interface Loss {
  readonly topic: string
  /** Where the log ended before, and ends after. */
  readonly from: number
  readonly to: number
  readonly batches: readonly StoredBatch[]
}

/** Takes the last batches, four at most, from one of `topics`. */
export function rollBack(
  world: World,
  partitions: Topics,
  { topics, late }: { topics: readonly string[]; late: boolean },
  lost: (loss: Loss) => void,
): void {
  world.after(late ? troubledMs - 50 + 150 * world.random() : 100 + 400 * world.random(), () => {
    const at = partitions.get(topics[world.below(topics.length)]!)!
    const able = at.batches.slice(-4)
    const batch = able[world.below(able.length)]
    if (batch === undefined || batch.base < at.earliest) return
    world.trace(`${at.topic} is rolled back to ${batch.base}`)
    const [from, to] = [at.latest, batch.base]
    lost({ topic: at.topic, from, to, batches: at.rollBackTo(to) })
  })
}

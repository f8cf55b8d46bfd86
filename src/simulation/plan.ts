/**
 * What happens in one simulated run, as a list that can be read, replayed and shortened: people who ask and act (late,
 * twice, contradicting themselves), and faults of the machines under the loop. The list is made from a seed; what it
 * leaves open (every delay of the network, every lost answer) is drawn from the same seed while the run goes on.
 */
import type { ConfigInput } from '../config.ts'
import { FORGET } from '../events/forget.ts'
import { createRandom, type Random } from '../state/random.ts'

export const users = ['ann', 'bob', 'cyd', 'dan', 'eve'] as const
export const items = ['apple', 'birch', 'cedar', 'dune'] as const
export const PARTITIONS = 2
/** The world's zero, ms since the epoch. */
export const EPOCH_MS = 1_700_000_000_000
/** Members of each stage's group. */
export const members = [
  'ranker-a',
  'ranker-b',
  'joiner-a',
  'joiner-b',
  'learner-a',
  'learner-b',
  'gate-a',
  'gate-b',
] as const
export type MemberName = (typeof members)[number]
/** Output partitions, each owned by one member at a time, more or less. */
export const units = ['ranker/0', 'ranker/1', 'joiner/0', 'joiner/1', 'learner/0', 'gate/0'] as const
export type Unit = (typeof units)[number]

interface Timed {
  readonly atMs: number
}
export interface Ask extends Timed {
  readonly act: 'ask'
  readonly id: string
  readonly user: string
  readonly session: string
  readonly slots: number
  readonly deferred: boolean
  /** Asked again so much later, with the same id; `other`: with other content. */
  readonly again: readonly { readonly afterMs: number; readonly other: boolean }[]
}
/** Something done on a decision, once it is seen. */
export interface React extends Timed {
  readonly act: 'react'
  readonly id: string
  /** Request that the decision answers. */
  readonly to: string
  readonly type: string
  /** Between being seen and happening; `atMs` counts for nothing. */
  readonly afterMs: number
  /** Between happening and arriving. */
  readonly lateMs: number
  readonly slot: number
  readonly value: number | null
  /** `hasty`: reacts to any batch, also one that no reader's rule accepts. */
  readonly flaw: 'none' | 'hasty' | 'hash' | 'user' | 'slot' | 'nameless'
  readonly again: readonly { readonly afterMs: number; readonly other: boolean }[]
}
/** Something done by itself. */
export interface Do extends Timed {
  readonly act: 'do'
  readonly id: string
  readonly user: string
  readonly type: string
  readonly item: string
  readonly lateMs: number
}
/** A record that must end in the dead letters. */
export interface Noise extends Timed {
  readonly act: 'noise'
  readonly topic: 'requests' | 'events'
  readonly how: 'garbage' | 'future' | 'misplaced'
  readonly id: string
  readonly user: string
}
export interface Crash extends Timed {
  readonly act: 'crash'
  readonly member: MemberName
  readonly backMs: number
}
export interface Freeze extends Timed {
  readonly act: 'freeze'
  readonly member: MemberName
  readonly forMs: number
}
/** A rebalance: the new owner begins now, the old one hears of it later. */
export interface Give extends Timed {
  readonly act: 'give'
  readonly unit: Unit
  readonly to: MemberName
  readonly lateMs: number
}
export interface Full extends Timed {
  readonly act: 'full'
  /** A topic's disk at the broker, or those of the machines. */
  readonly topic: 'recommendations' | 'transitions' | 'models' | 'releases' | 'machines'
  readonly forMs: number
}
/** A machine's disks are lost with its process. */
export interface Lose extends Timed {
  readonly act: 'lose'
  readonly member: MemberName
  readonly backMs: number
}
export interface Compact extends Timed {
  readonly act: 'compact'
}
export type Act = Ask | React | Do | Noise | Crash | Freeze | Give | Full | Lose | Compact

export interface Plan {
  readonly seed: number
  /** Probability of each way in which an append goes wrong, while there is trouble. */
  readonly trouble: number
  readonly policy: NonNullable<ConfigInput['policies']>[number]
  readonly requestDedupMs: number
  readonly shedding: ConfigInput['shedding']
  readonly snapshots: {
    readonly afterMs: number
    /** How often a floor is torn on its way into the log. */
    readonly torn: number
    /** Do rankers have disks? */
    readonly disks: boolean
  }
  readonly acts: readonly Act[]
}

/** Trouble ends then: all that was begun must come to its end. */
export const TROUBLED_MS = 500
const ASK_MS = 380

export function planOf(seed: number): Plan {
  // Consecutive seeds must not begin alike.
  const dice = diceOf(createRandom((seed + 1) * 2_654_435_761))
  const trouble = dice.chance(0.15) ? 0 : 0.1 * dice.random.uniform()
  const acts: Act[] = []
  for (let i = 3 + dice.below(7); i > 0; i--) acts.push(...exchange(dice, `r${i}`))
  for (let i = dice.below(5); i > 0; i--) acts.push(alone(dice, `o${i}`))
  for (let i = dice.below(3); i > 0; i--) acts.push(noise(dice, `n${i}`))
  for (let i = dice.below(12); i > 0; i--) acts.push(fault(dice))
  const policy = { ...policyOf(dice), ...windowsOf(dice) }
  acts.sort((a, b) => a.atMs - b.atMs)
  // A request that is decided anew must meet the decision from before: one of the two windows ends, not both.
  const requestDedupMs = policy.correctionWindowMs === NEVER_MS ? dice.among([NEVER_MS, NEVER_MS, 40]) : NEVER_MS
  return {
    seed,
    trouble,
    policy: { ...policy, ...modeOf(dice) },
    requestDedupMs,
    shedding: dice.among([undefined, { fromRequests: 1, perStep: 2, fromMs: 10, toMs: 60, leastPass: 0.3 }]),
    snapshots: { afterMs: dice.among([0, 15, 60]), torn: dice.among([0, 0, 0.2]), disks: dice.chance(0.5) },
    acts: acts.filter(act => requestDedupMs === NEVER_MS || !forgets(act)),
  }
}

/** What is forgotten and decided anew the same is one decision for who reads the log. */
const forgets = (act: Act): boolean => act.act === 'do' && act.type === FORGET

interface Dice {
  readonly random: Random
  below(n: number): number
  chance(p: number): boolean
  among<T>(list: readonly T[]): T
}

function diceOf(random: Random): Dice {
  const below = (n: number): number => Math.floor(random.uniform() * n)
  return { random, below, chance: p => random.uniform() < p, among: list => list[below(list.length)]! }
}

function policyOf(dice: Dice): Plan['policy'] {
  const aggregate = dice.among(['sum', 'first', 'last', 'max', 'min', 'mean', 'count'] as const)
  return {
    explorer: dice.among([{ name: 'thompson', draws: 2 }, { name: 'softmax' }, { name: 'epsilon-greedy' }] as const),
    linearGaussian: { halfLifeMs: dice.among([0, 0, 300]) },
    rewards: { click: { value: 1 }, rating: { value: 'value', aggregate }, refund: { cancels: 'rating' } },
    defaultReward: dice.among([{}, { click: -0.5 }]) as Record<string, number>,
    algorithm: 'linear-gaussian',
    gamma: dice.among([0, 0.9]),
    learn: dice.among(['immediately', 'immediately', 'at-close'] as const),
    attribution: dice.among(['last-touch', 'first-touch', 'even-split'] as const),
    attributionWindowMs: 80,
    backwardWindowMs: dice.among([0, 30]),
    sessionGapMs: 150,
  }
}

const modeOf = (dice: Dice) => ({
  mode: dice.among(['online', 'online', 'apprentice', 'logging_only'] as const),
  baselineEpsilon: dice.among([0, 0.5]),
})

/** Longer than any run. */
const NEVER_MS = 1_000_000

const windowsOf = (dice: Dice) => ({ correctionWindowMs: dice.among([NEVER_MS, NEVER_MS, 160]) })

function exchange(dice: Dice, id: string): Act[] {
  const user = dice.among(users)
  const atMs = dice.below(ASK_MS)
  const deferred = dice.chance(0.15)
  const ask: Ask = {
    act: 'ask',
    atMs,
    id,
    user,
    session: `${user}-${dice.below(2)}`,
    slots: 1 + dice.below(2),
    deferred,
    again: repeats(dice, 0.35),
  }
  const reactions = Array.from({ length: dice.below(4) }, (_, i) => reaction(dice, `${id}/${i}`, ask))
  if (deferred && dice.chance(0.7))
    reactions.push({ ...reaction(dice, `${id}/on`, ask), type: 'activate', flaw: 'none', value: null })
  return [ask, ...reactions]
}

const repeats = (dice: Dice, p: number): Ask['again'] =>
  dice.chance(p)
    ? Array.from({ length: 1 + dice.below(2) }, () => ({ afterMs: dice.below(120), other: dice.chance(0.3) }))
    : []

function reaction(dice: Dice, id: string, ask: Ask): React {
  const type = dice.among(['click', 'click', 'rating', 'rating', 'refund', 'impression', 'leave'])
  return {
    act: 'react',
    atMs: ask.atMs,
    id,
    to: ask.id,
    type,
    afterMs: dice.below(140),
    lateMs: dice.chance(0.5) ? 0 : dice.below(120),
    slot: dice.below(ask.slots),
    value: type === 'rating' || type === 'refund' ? 1 + dice.below(3) : null,
    flaw: dice.among(['none', 'none', 'none', 'none', 'hasty', 'hash', 'user', 'slot', 'nameless'] as const),
    again: repeats(dice, 0.25),
  }
}

const alone = (dice: Dice, id: string): Do => ({
  act: 'do',
  atMs: dice.below(TROUBLED_MS - 60),
  id,
  user: dice.among(users),
  type: dice.among(['view', 'view', 'click', 'click', 'rating', 'rating', 'leave', FORGET]),
  item: dice.among([...items, 'unknown']),
  lateMs: dice.below(60),
})

const noise = (dice: Dice, id: string): Noise => ({
  act: 'noise',
  atMs: dice.below(TROUBLED_MS - 60),
  topic: dice.among(['requests', 'events'] as const),
  how: dice.among(['garbage', 'future', 'misplaced'] as const),
  id,
  user: dice.among(users),
})

function fault(dice: Dice): Act {
  const atMs = 10 + dice.below(TROUBLED_MS - 60)
  const of = dice.below(10)
  if (of === 0 || of === 3) return { act: 'crash', atMs, member: dice.among(members), backMs: 5 + dice.below(60) }
  if (of === 1) return { act: 'freeze', atMs, member: dice.among(members), forMs: 20 + dice.below(250) }
  if (of === 2) {
    const topic = dice.among(['recommendations', 'transitions', 'models', 'releases', 'machines'] as const)
    return { act: 'full', atMs, topic, forMs: 10 + dice.below(100) }
  }
  if (of === 7) return { act: 'lose', atMs, member: dice.among(members), backMs: 5 + dice.below(60) }
  if (of === 8) return { act: 'compact', atMs }
  const unit = dice.among(units)
  const [stage] = unit.split('/')
  return { act: 'give', atMs, unit, to: `${stage}-${dice.among(['a', 'b'])}` as MemberName, lateMs: dice.below(450) }
}

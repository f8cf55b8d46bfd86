/**
 * A world to decide in, in the manner of Gymnasium: sessions are reset, then stepped with a slate. An environment knows
 * the truth (the expected reward of anything that it shows), which no stage may see: it only appends requests and
 * events to the bus like any producer would (drive.ts), and scores what was decided.
 * All chance comes from (seed, session index), so a world is the same however fast or in which order sessions run.
 */
import type { Item, UserProfile } from '../../schemas/records.ts'
import type { ConfigInput } from '../config.ts'
import type { Mdp } from '../tabular/mdp.ts'

/** Something a person does: a BehaviorEvent before the driver gives it ids and times. */
export interface Act {
  readonly type: string
  /** Null for what concerns no item: a `leave`. */
  readonly itemId: string | null
  readonly value: number | null
  /** How long after what caused it, ms. */
  readonly delayMs: number
}

/** What is known before a decision. */
export interface Observation {
  /** What the person did by themselves since the last decision, oldest first; to be on the bus before the request. */
  readonly organic: readonly Act[]
  /** Items to choose among; null: the catalogue. */
  readonly candidates: readonly string[] | null
  readonly context: Readonly<Record<string, string | number | boolean>>
  readonly slots: number
  /** The session ended: `organic` still counts, but nothing is to be decided. With a `leave` among it the episode is
   * terminated, and nothing comes after; without one it is truncated: what would have come is unknown. */
  readonly done: boolean
}

export interface Transition {
  /** What the person did because of the slate. */
  readonly outcomes: readonly Act[]
  /** True expected reward of what was shown, whatever happened: the score without the noise. */
  readonly expectedReward: number
  readonly next: Observation
}

export interface Session {
  readonly userId: string
  readonly sessionId: string
  reset(): Observation
  /** @param slate item ids in the order shown; only after an observation that was not `done` */
  step(slate: readonly string[]): Transition
}

/** Mean expected reward of a decision under what needs no learning, and under what knows everything. */
export interface Rates {
  readonly random: number
  readonly bestFixed: number
  readonly oracle: number
  /** The item most popular (in the environment's own sense) among the candidates. */
  readonly popularity?: number
  /** How the figures were computed. */
  readonly how: string
}

/** Expected return of a session, J = E[Σ_t γ^t r_t] with the environment's own γ a decision (`discount`), under what needs no
 * learning, under the best by the next reward alone, and under the optimum. */
export interface Returns {
  readonly random: number
  readonly myopic?: number
  readonly optimum: number
  /** How the figures were computed. */
  readonly how: string
}

/** A world that is a finite Markov decision process in what it shows: what a policy is worth there is computed, not sampled. */
export interface FiniteWorld {
  /** Its actions are `slates`, by index; a session is an episode, its `leave` the end. */
  readonly mdp: Mdp
  /** Shown by each action. */
  readonly slates: readonly (readonly string[])[]
  /** What is known before a decision in a state. */
  observe(state: number): Observation
}

export interface Environment {
  readonly name: string
  items(): readonly Item[]
  profiles?(): readonly UserProfile[]
  /** Configuration that suits this world; laid under the user's own. */
  readonly preset: ConfigInput
  rates(): Rates
  /** Where decisions have consequences beyond the next reward. */
  returns?(): Returns
  /** γ a decision in the return of a session. Default 1: what discounts is that sessions end. */
  readonly discount?: number
  /** The preset's γ counts decisions, a second of event time apart, however fast they are taken. So it does where there is a `discount`. */
  readonly inEventTime?: true
  readonly finite?: FiniteWorld
  /** How many sessions there are; absent: without end. */
  readonly sessions?: number
  /** The `index`-th session of the run that `seed` names. */
  session(index: number, seed: number): Session
}

/** Part of the way from random to oracle. */
export const shareOfGap = (rate: number, { random, oracle }: Pick<Rates, 'random' | 'oracle'>): number =>
  (rate - random) / (oracle - random)

/** Part of the way of a return from random to the optimum, (J - J_random) / (J* - J_random). */
export const shareOfReturn = (value: number, { random, optimum }: Pick<Returns, 'random' | 'optimum'>): number =>
  shareOfGap(value, { random, oracle: optimum })

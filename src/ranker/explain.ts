/**
 * How a decision's scores came about. A score is walked up to from the state of somebody of whom nothing is known, by
 * adding one named part of the state after the other; what a step adds is the part's contribution. So contributions add
 * up whatever the model. For linear ones they are θᵀ of the part and no order matters; for the others the order is that
 * of src/state/contributions.ts, and a part's share of what parts do together goes to the later one.
 */
import type { Explanation, Release, Slot, Snapshot } from '../../schemas/records.ts'
import type { Config } from '../config.ts'
import type { CandidateVectors, Policy } from '../models/policy.ts'
import { createParts, type Part } from '../state/contributions.ts'
import { createStateEncoder, type VectorLookup } from '../state/encode.ts'
import { noSnapshot } from '../state/user.ts'

export interface Explained {
  /** Null: the initial policy, whose scores are the caller's order. */
  readonly policy: Policy | null
  readonly snapshot: Snapshot
  readonly lookup: VectorLookup
  /** What the policy scored, and its scores. */
  readonly vectors: CandidateVectors
  readonly mean: Float64Array
  /** Of the decision: an item that only a baseline brought in stands beyond what was scored. */
  readonly slots: readonly Slot[]
  /** Candidates that no slot could draw; pinned ones among them. */
  readonly masked: readonly number[]
  readonly firstSlotProbabilities: readonly number[]
  /** False: the baseline was shown. */
  readonly chosen: boolean
  readonly evidence: Release['evidence']
}

/** Alternatives that are told. */
const ALTERNATIVES = 5

type Explain = (explained: Explained) => Explanation | null

/** @returns null where the scores are no numbers */
export function createExplain(config: Config): Explain {
  const partsOf = createParts(config)
  const nobody = createStateEncoder(config).encode(noSnapshot, () => undefined)
  return explained => {
    const { mean, slots, policy, vectors, firstSlotProbabilities, evidence } = explained
    if (!mean.every(Number.isFinite)) return null
    const shown = slots.filter(({ candidate }) => candidate >= 0 && candidate < mean.length)
    const isMasked = new Set(explained.masked)
    const open = [...mean.keys()].filter(candidate => !isMasked.has(candidate))
    const told = [...shown.map(({ candidate }) => candidate), ...bestOthers(mean, shown, open)]
    const parts = policy ? partsOf(explained.snapshot, explained.lookup) : []
    const contributions = policy
      ? walk({ policy, nobody, parts }, told, vectors)
      : told.map(candidate => ({ order: mean[candidate] }))
    const items = told.map((candidate, i) => ({
      item_id: vectors.itemIds[candidate],
      slot: shown[i]?.position ?? -1,
      rank: 1 + open.filter(other => mean[other] > mean[candidate]).length,
      score: mean[candidate],
      probability: firstSlotProbabilities[candidate] ?? 0,
      explored: explained.chosen && i < shown.length && isExplored(mean, shown, i, open),
      contributions: contributions[i],
    }))
    return { items, evidence }
  }
}

function bestOthers(mean: Float64Array, shown: readonly Slot[], open: readonly number[]): number[] {
  const taken = new Set(shown.map(({ candidate }) => candidate))
  const others = open.filter(candidate => !taken.has(candidate))
  return others.sort((a, b) => mean[b] - mean[a] || a - b).slice(0, ALTERNATIVES)
}

/** It was drawn, and one that was left scored higher. */
function isExplored(mean: Float64Array, shown: readonly Slot[], at: number, open: readonly number[]): boolean {
  if (shown[at].pinned) return false
  const before = new Set(shown.slice(0, at).map(({ candidate }) => candidate))
  return open.some(candidate => mean[candidate] > mean[shown[at].candidate] && !before.has(candidate))
}

interface Way {
  readonly policy: Policy
  /** The state of whom nothing is known. */
  readonly nobody: Float64Array
  readonly parts: readonly Part[]
}

/** Contributions of each told candidate. */
function walk(
  { policy, nobody, parts }: Way,
  told: readonly number[],
  { itemIds, vectors }: CandidateVectors,
): Record<string, number>[] {
  const candidates = { itemIds: told.map(k => itemIds[k]), vectors: told.map(k => vectors[k]) }
  const state = nobody.slice()
  const start = policy.scorer(state, candidates)
  const contributions = told.map((_, i) => splitOf(start.mean[i], start.bias?.(i)))
  let before = start.mean
  for (const { name, vector } of parts) {
    for (let d = 0; d < state.length; d++) state[d] += vector[d]
    const { mean } = policy.scorer(state, candidates)
    contributions.forEach((each, i) => {
      each[name] = mean[i] - before[i]
    })
    before = mean
  }
  return contributions
}

/** `bias`: what the item would score for anybody; where the model can tell, by where that comes from. */
const splitOf = (bias: number, split: { shared: number; content: number } | undefined): Record<string, number> =>
  split
    ? { 'bias:shared': split.shared, 'bias:content': split.content, 'bias:item': bias - split.shared - split.content }
    : { bias }

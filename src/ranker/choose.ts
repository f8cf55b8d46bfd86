/** The policy's own slate: scores, an explorer's distribution, draws from it. */
import type { Candidate, Explorer as Logged, PropensityKind, Slot } from '../../schemas/records.ts'
import type { Learned, Scorer } from '../models/policy.ts'
import type { Reason } from '../recommendations/reasons.ts'
import { createRandom } from '../state/random.ts'
import type { Explorer } from './explorers/explorer.ts'
import { explorerNeeds } from './explorers/schema.ts'
import { uniform } from './explorers/uniform.ts'
import { type SampledSlate, sampleSlate } from './slate.ts'

export interface Scored {
  readonly candidates: readonly Candidate[]
  readonly scorer: Scorer
  readonly learned: Learned | undefined
  readonly explorer: Explorer
  readonly slots: number
  readonly seed: number
}

export interface Chosen {
  readonly explorer: Logged
  readonly slots: readonly Slot[]
  readonly firstSlotProbabilities: readonly number[]
  readonly propensityKind: PropensityKind
  readonly reason: Reason | ''
}

/** Scores that are no numbers say nothing: then every candidate alike. */
export function choose({ candidates, scorer, learned, explorer, slots: wanted, seed }: Scored): Chosen {
  const sound = areFinite(scorer, explorer)
  const used = sound ? explorer : uniform
  const random = createRandom(seed)
  const sampled = sampleSlate(used.open(scorer, random, learned), random, candidates.length, wanted)
  const slots = slotsOf(sampled, candidates)
  return {
    explorer: logged(used, learned),
    slots,
    firstSlotProbabilities: Array.from(sampled.firstSlot),
    propensityKind: used.propensityKind(learned),
    reason: sound ? (slots.length < wanted ? 'short_slate' : '') : 'scores_not_finite',
  }
}

export const logged = (explorer: Explorer, learned: Learned | undefined): Logged => ({
  name: explorer.name,
  parameters: explorer.parameters(learned),
})

export const slotsOf = ({ draws }: SampledSlate, candidates: readonly Candidate[]): Slot[] =>
  draws.map((draw, position) => ({
    item_id: candidates[draw.candidate].item_id,
    candidate: draw.candidate,
    position,
    first_draw_propensity: draw.firstDraw,
    conditional_propensity: draw.conditional,
  }))

/** Only what the explorer uses is looked at: what it does not is not computed. */
function areFinite(scorer: Scorer, { name }: Explorer): boolean {
  const need = explorerNeeds[name]
  const others = need === 'members' ? (scorer.members ?? []) : need === 'posterior' ? [scorer.deviation ?? []] : []
  return [scorer.mean, ...others].every(values => values.every(Number.isFinite))
}

/** The policy's own slate: scores, an explorer's distribution, draws from it. */
import type { Candidate, Constraints, Explorer as Logged, Quota, Slot } from '../../schemas/records.ts'
import { listOf } from '../log/wire/lists.ts'
import type { Learned, Scorer } from '../models/policy.ts'
import type { Choice } from '../recommendations/decision.ts'
import type { Reason } from '../recommendations/reasons.ts'
import { createRandom } from '../state/random.ts'
import type { Limited } from './constraints/rules.ts'
import type { Explorer } from './explorers/explorer.ts'
import { explorerNeeds } from './explorers/schema.ts'
import { uniform } from './explorers/uniform.ts'
import { type SampledSlate, sampleSlate } from './slate.ts'

export interface Scored {
  readonly limited: Limited
  readonly scorer: Scorer
  readonly learned: Learned | undefined
  readonly explorer: Explorer
  readonly slots: number
  readonly seed: number
}

/** The policy's part of a decision. */
export type Chosen = Omit<Choice, 'retrievalVersion' | 'shadowSlate' | 'explanation'>

/** Scores that are no numbers say nothing: then every candidate alike. */
export function choose({ limited, scorer, learned, explorer, slots: wanted, seed }: Scored): Chosen {
  const { constraints, limits, found } = limited
  const { candidates } = found
  const sound = areFinite(scorer, explorer)
  const used = sound ? explorer : uniform
  const random = createRandom(seed)
  const sampled = sampleSlate(used.open(scorer, random, learned), random, candidates.length, wanted, limits)
  const slots = slotsOf(sampled, candidates)
  const isDrawn = sampled.firstSlot.length > 0
  const isEmpty = slots.length === 0
  return {
    explorer: logged(used, learned),
    candidates,
    constraints: counted(constraints, slots),
    slots,
    firstSlotProbabilities: listOf(sampled.firstSlot),
    propensityKind: isDrawn ? used.propensityKind(learned) : isEmpty ? 'unknown' : 'deterministic',
    chosenBy: isDrawn || isEmpty ? 'policy' : 'pinned',
    reason: sound ? limited.reason || shortOf(slots.length, wanted) : 'scores_not_finite',
  }
}

const shortOf = (count: number, wanted: number): Reason | '' =>
  count === 0 ? 'nothing_allowed' : count < wanted ? 'short_slate' : ''

/** With how many slots each group has got. */
function counted(constraints: Constraints, slots: readonly Slot[]): Constraints {
  if (constraints.quotas.length === 0) return constraints
  const shown = ({ candidates }: Quota) => slots.filter(({ candidate }) => candidates.includes(candidate)).length
  return { ...constraints, counters: Object.fromEntries(constraints.quotas.map(quota => [quota.name, shown(quota)])) }
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
    pinned: draw.pinned,
  }))

/** Only what the explorer uses is looked at: what it does not is not computed. Deviations are numbers where the most that they may be are. */
function areFinite(scorer: Scorer, { name }: Explorer): boolean {
  const need = explorerNeeds[name]
  const others = need === 'members' ? (scorer.members ?? []) : need === 'posterior' ? [uncertainty(scorer)] : []
  return [scorer.mean, ...others].every(allFinite)
}

/** `every` calls for each. */
function allFinite(values: Float64Array): boolean {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return false
  return true
}

const uncertainty = (scorer: Scorer): Float64Array => scorer.deviations?.most ?? scorer.deviation ?? NONE
const NONE = new Float64Array(0)

/**
 * Drift: tastes are swapped at once. How long, against the first time, until the policy earns 90 % of what it did before (share
 * of the gap, mean of the seeds, windows of decisions); and what the same forgetting costs where nothing changes.
 */
import { createDrifting } from '../../src/environments/drifting.ts'
import { shareOfGap } from '../../src/environments/environment.ts'
import { spreadOf } from '../../src/evaluation/bakeoff/bakeoff.ts'
import { run } from '../../src/evaluation/bakeoff/in-time.ts'
import { type Part, type PartOptions, range, surelyAtMost } from './judge.ts'

const WINDOW = 500
const paceMs = 1000

interface Course {
  readonly decisions: number
  readonly seed: number
  readonly forgets: boolean
  /** Decision of the swap; beyond the last: nothing changes. */
  readonly swapAt: number
}

/** Shares of the gap by window. */
function sharesOf({ decisions, seed, forgets, swapAt }: Course): number[] {
  const environment = createDrifting({ drift: 'abrupt', sessions: Math.ceil(swapAt / 4) })
  const overrides = forgets ? {} : { policies: [{ linearGaussian: { detectChanges: false } }] }
  const { rewards } = run({ environment, decisions, seed, paceMs, delays: false, positions: false, overrides })
  return Array.from({ length: decisions / WINDOW }, (_, w) =>
    shareOfGap(spreadOf([...rewards.subarray(w * WINDOW, (w + 1) * WINDOW)]).mean, environment.rates()),
  )
}

export function benchDrift({ quick, seeds, say }: PartOptions): Part {
  const half = quick ? 8000 : 16_000
  const runs = range(seeds ?? (quick ? 2 : 10)).map(seed => {
    const swapped = sharesOf({ decisions: 2 * half, seed, forgets: true, swapAt: half })
    const still = { decisions: half, seed, swapAt: 4 * half }
    const kept = spreadOf(sharesOf({ ...still, forgets: false })).mean
    const forgot = spreadOf(sharesOf({ ...still, forgets: true })).mean
    say(`drift seed ${seed}: still ${kept.toFixed(3)}, forgetting ${forgot.toFixed(3)}`)
    return { seed, swapped, lost: kept - forgot }
  })
  const course = runs[0].swapped.map((_, w) => spreadOf(runs.map(({ swapped }) => swapped[w])).mean)
  const middle = course.length / 2
  const mark = 0.9 * spreadOf(course.slice(middle / 2, middle)).mean
  const first = reaches(course.slice(0, middle), mark)
  const again = reaches(course.slice(middle), mark)
  const lost = spreadOf(runs.map(each => each.lost))
  const bars = [
    { name: 'drift: decisions back to 90 % relative to the first time', value: again / first, unit: 'of 1', atMost: 2 },
    surelyAtMost('drift: share of the gap lost to forgetting where nothing changes', lost, 0.02),
  ]
  const decisions = { first: first * WINDOW, again: again * WINDOW }
  const described = { environment: 'drifting abrupt', window: WINDOW }
  return { results: { ...described, course, decisions, lost }, bars }
}

/** Windows until the mark is reached. */
function reaches(course: readonly number[], mark: number): number {
  const at = course.findIndex(share => share >= mark)
  return at < 0 ? Number.POSITIVE_INFINITY : at + 1
}

/**
 * Makes a failing run short: leaves out the network's trouble, then halves, quarters … single acts of the plan, as long
 * as what is left still fails (delta debugging: Zeller & Hildebrandt, Simplifying and Isolating Failure-Inducing Input,
 * 2002). It need not fail in the same way: any fault is worth a look, and the shortest is the easiest to see.
 */
import type { Plan } from './plan.ts'

/** @param maxRuns runs of `fails` at most */
export async function shrink(plan: Plan, fails: (plan: Plan) => Promise<boolean>, maxRuns = 300): Promise<Plan> {
  let best = plan
  let runs = 0
  const tryOut = async (smaller: Plan): Promise<boolean> => {
    if (runs++ >= maxRuns || !(await fails(smaller))) return false
    best = smaller
    return true
  }
  for (let size = Math.ceil(best.acts.length / 2); size >= 1 && runs < maxRuns; ) {
    if (best.trouble > 0) await tryOut({ ...best, trouble: 0 })
    const before = best.acts.length
    for (let from = 0; from < best.acts.length; )
      if (!(await tryOut({ ...best, acts: best.acts.toSpliced(from, size) }))) from += size
    if (size > 1) size = Math.floor(size / 2)
    else if (best.acts.length === before) break
  }
  return best
}

/** What a seed has in store. */
import type { World } from './world.ts'

export interface Plan {
  /** The log of one of the chains is rolled back, as by an unclean election. */
  readonly rollsBack: boolean
  /** A new process writes to the rolled-back chain while all others are cut off from it. */
  readonly regrows: boolean
  /** The log is rolled back after the inputs have ceased. */
  readonly late: boolean
  /** The front of every topic is removed. */
  readonly truncates: boolean
  /** The topics get another partition. */
  readonly grows: boolean
  readonly rivals: boolean
  /** The share of appends that go wrong in each of the ways of `Trouble`. */
  readonly trouble: number
}

/** From now on nothing goes wrong any more. */
export const troubledMs = 500
/** By now every living task has looked whether its log is still the one it was, and how many partitions there are. */
export const noticedMs = 7500

export function drawPlan(world: World, forced: Partial<Plan> = {}): Plan {
  const rollsBack = world.chance(0.1)
  const grows = !rollsBack && world.chance(0.03)
  return {
    rollsBack,
    regrows: world.chance(0.6),
    late: world.chance(0.5),
    grows,
    truncates: !rollsBack && !grows && world.chance(0.4),
    rivals: world.chance(0.7),
    trouble: 0.12 * world.random(),
    ...forced,
  }
}

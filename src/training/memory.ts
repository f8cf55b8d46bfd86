/**
 * What a training's learner holds to learn from, beside its versions (folder.ts), as the learner stage keeps it
 * (src/learner/replay/keeper.ts): written with each point of the curve, and taken back by who goes on from the version
 * that was written with it. A training that is killed between the two goes on with nothing held.
 */
import { join } from 'node:path'
import type { ModelVersion, Transition } from '../../schemas/records.ts'
import type { Example, Learner } from '../learner/learner.ts'
import { openKeeper } from '../learner/replay/disk.ts'
import type { Keeper } from '../learner/replay/keeper.ts'
import { createTold } from '../learner/replay/told.ts'

export interface Memory {
  /** Gives the learner back what it held at the version that it was restored to; undefined: it begins, and what there is goes. */
  begin(model: ModelVersion | undefined, encode: (transition: Transition) => Example): void
  /** What the learner took, to be written with the next version that is kept. */
  note(taken: readonly Example[]): void
  keep(model: ModelVersion): void
  close(): Promise<void>
}

/** @returns undefined for a learner that holds nothing beside its versions */
export function createMemory(folder: string, { recall, holds, left }: Learner): Memory | undefined {
  if (!recall || !holds) return undefined
  let keeper: Keeper | undefined
  const told = createTold(holds)
  return {
    begin(model, encode) {
      keeper = openKeeper(join(folder, 'replay'))
      const kept = keeper.recall(nameOf(model))
      recall(kept.transitions.map(encode), kept.left)
    },
    note: told.note,
    keep: model => keeper?.keep(told.take(), nameOf(model), { holds, left }),
    close: async () => keeper?.close(),
  }
}

const nameOf = (model: ModelVersion | undefined) => ({
  version: model?.version ?? '',
  createdMs: model?.created_ms ?? 0,
})

/** Items as classes: what a version's parameters say of them. */
import type { ModelVersion } from '../../../schemas/records.ts'

/** Class of all items that have none of their own. */
export const OTHER = 0
/** Before the item's id in the name of the parameter that holds its class. */
export const ACTION = 'action/'

/** @returns class of each item that has one of its own */
export const actionsOf = ({ parameters }: Pick<ModelVersion, 'parameters'>): Map<string, number> =>
  new Map(
    Object.entries(parameters).flatMap(([name, index]) =>
      name.startsWith(ACTION) ? [[name.slice(ACTION.length), index] as const] : [],
    ),
  )

/** Items as classes: what a version's parameters say of them. */
import type { ModelVersion } from '../../../schemas/records.ts'
import { FeedloopError } from '../../errors.ts'

/** Class of all items that have none of their own. */
export const OTHER = 0
/** Before the item's id in the name of the parameter that holds its class. */
export const ACTION = 'action/'

/** @param most classes beside OTHER @returns class of each item that has one of its own, no two alike
 * @throws FeedloopError MODEL_INCOMPATIBLE */
export function actionsOf(
  { version, parameters }: Pick<ModelVersion, 'version' | 'parameters'>,
  most: number,
): Map<string, number> {
  const classes = new Map(
    Object.entries(parameters).flatMap(([name, index]) =>
      name.startsWith(ACTION) ? [[name.slice(ACTION.length), index] as const] : [],
    ),
  )
  const isClass = (index: number): boolean => Number.isInteger(index) && index > OTHER && index <= most
  if (new Set(classes.values()).size < classes.size || ![...classes.values()].every(isClass))
    throw new FeedloopError('MODEL_INCOMPATIBLE', `version ${version}: its items have no classes of 1 to ${most} each`)
  return classes
}

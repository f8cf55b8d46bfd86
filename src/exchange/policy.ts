/** The policy that a command is about. */
import type { Config, PolicyConfig } from '../config.ts'
import { FeedloopError } from '../errors.ts'

/** @param name absent: the first one @returns it, and its partition of `models` @throws FeedloopError USAGE */
export function policyOf({ policies }: Config, name?: string): { policy: PolicyConfig; partition: number } {
  const partition = name === undefined ? 0 : policies.findIndex(each => each.name === name)
  if (partition < 0) throw new FeedloopError('USAGE', `policy ${name} is not configured`)
  return { policy: policies[partition], partition }
}

/** What in a policy's configuration its transitions follow from, as a fingerprint: under another the same inputs make others. */
import { createHash } from 'node:crypto'
import type { Config, PolicyConfig } from '../config.ts'

/** 16 hex digits by policy. Weights of rewards are the learner's: they change nothing here. */
export const joinerRules = ({ policies, limits }: Config): Readonly<Record<string, string>> =>
  Object.fromEntries(
    policies.map(policy => [policy.name, print([limits.futureSkewMs, limits.maxValue, ...rulesOf(policy)])]),
  )

const print = (rules: readonly unknown[]): string =>
  createHash('sha256').update(JSON.stringify(rules)).digest('hex').slice(0, 16)

const rulesOf = (policy: PolicyConfig) => [
  byName(policy.rewards).map(([type, { weight: _, ...component }]) => [type, component]),
  byName(policy.defaultReward),
  policy.gamma,
  policy.learn,
  policy.attribution,
  policy.attributionWindowMs,
  policy.backwardWindowMs,
  policy.correctionWindowMs,
  policy.sessionGapMs,
]

const byName = <T>(entries: Readonly<Record<string, T>>): [string, T][] =>
  Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1))

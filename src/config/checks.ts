/** What no part of the schema can say: how its parts go together. */
import type { Config } from '../config.ts'
import { HEARTBEAT } from '../heartbeat.ts'
import { algorithms } from '../learner/algorithms.ts'
import { retentionMs } from '../pipeline.ts'
import { explorerNeeds, type Need } from '../ranker/explorers/schema.ts'
import { hour } from './units.ts'

/** @returns problems, one a line of the error */
export function crossChecks(config: Config): string[] {
  const problems: string[] = []
  const names = config.policies.map(each => each.name)
  if (new Set(names).size < names.length) problems.push('policies: names must be unique')
  if (config.heartbeat.everyMs > 0 && names.includes(HEARTBEAT))
    problems.push(`policies: ${HEARTBEAT} is the name of the heartbeats' own`)
  for (const each of config.policies)
    if (each.correctionWindowMs < each.attributionWindowMs)
      problems.push(`policies.${each.name}: correctionWindowMs is shorter than attributionWindowMs`)
  for (const each of config.policies)
    for (const topic of ['recommendations', 'events', 'transitions'] as const)
      if (each.correctionWindowMs > retentionMs(config, topic))
        problems.push(
          `policies.${each.name}: correctionWindowMs is longer than the retention of ${topic}, from which open joins are rebuilt; raise topics.retentionHours to ${Math.ceil(each.correctionWindowMs / hour)}`,
        )
  for (const each of config.policies)
    if (each.correctionWindowMs < each.backwardWindowMs)
      problems.push(`policies.${each.name}: correctionWindowMs is shorter than backwardWindowMs`)
  for (const { name, algorithm, explorer } of config.policies) {
    const need = explorerNeeds[explorer.name]
    if (!(algorithms[algorithm].offers as readonly Need[]).includes(need))
      problems.push(`policies.${name}: explorer ${explorer.name} needs ${needText[need]}, which ${algorithm} has not`)
  }
  for (const { name, algorithm, slateQ: own, rewards } of config.policies)
    if (algorithm === 'slate-q' && !own.choices.some(type => Object.hasOwn(rewards, type)))
      problems.push(
        `policies.${name}: slateQ.choices: none of ${own.choices.join(', ')} is among its rewards, so nothing would ever be taken`,
      )
  for (const { name, rewards } of config.policies)
    for (const [type, { cancels }] of Object.entries(rewards))
      if (cancels && !Object.hasOwn(rewards, cancels))
        problems.push(`policies.${name}: rewards.${type} cancels ${cancels}, which is not among its rewards`)
  for (const { name, constraints } of config.policies)
    for (const type of constraints.excludeSeen?.types ?? [])
      if (!Object.hasOwn(config.state.typeWeights, type))
        problems.push(`policies.${name}: excludeSeen: ${type} is not in state.typeWeights, so no history holds it`)
  for (const { name, algorithm, weighing } of config.policies)
    if (weighing.delays || weighing.positions) {
      if (algorithm !== 'linear-gaussian')
        problems.push(
          `policies.${name}: weighing is for linear-gaussian, whose statistics are sums; not for ${algorithm}`,
        )
      if (config.state.blocks.includes('numbers'))
        problems.push(`policies.${name}: weighing and the \`numbers\` block of the state do not go together yet`)
    }
  const { timeoutMs, maxTimeoutMs, defer, unlogged } = config.gateway
  if (timeoutMs > maxTimeoutMs) problems.push('gateway.timeoutMs is longer than gateway.maxTimeoutMs')
  if (unlogged === 'baseline' && !defer)
    problems.push(
      'gateway.unlogged: an append in doubt may be decided later, and would be learned as shown; it needs gateway.defer',
    )
  if (config.features.encoder === 'onnx' && !config.features.onnx.folder)
    problems.push('features.onnx.folder is needed')
  if (config.features.encoder === 'endpoint' && !config.features.endpoint.url)
    problems.push('features.endpoint.url is needed')
  return problems
}

const needText: Readonly<Record<Need, string>> = {
  scores: 'scores',
  rewards: 'expected rewards',
  posterior: 'a posterior',
  members: 'several models',
}

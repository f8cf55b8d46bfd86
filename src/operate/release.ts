/**
 * Carries out a person's order about a policy's traffic: the command is a gate for one step (one-step.ts). It judges what came
 * meanwhile, too, and appends the order's release. Rankers take the release over between two steps.
 */
import type { Release } from '../../schemas/records.ts'
import { FeedloopError } from '../errors.ts'
import { gateInputs } from '../gate/service.ts'
import { createGate } from '../gate/step.ts'
import { createPolicyLoader } from '../models/load.ts'
import { findVersion, servingStart } from '../models/start.ts'
import { type Order, sharesFault } from '../models/traffic.ts'
import type { ServiceContext } from './context.ts'
import { takeOneStep } from './one-step.ts'

/** @returns the release that says so, accepted
 * @throws FeedloopError USAGE for what cannot be ordered, MODEL_NOT_FINITE and MODEL_INCOMPATIBLE for a version that
 * cannot serve, DEADLINE_EXCEEDED, and what a gate's task throws */
export async function orderRelease(context: ServiceContext, order: Order, timeoutMs: number): Promise<Release> {
  await check(context, order)
  const { config } = context
  return takeOneStep({
    task: {
      ...context,
      stage: createGate(config, async () => (await servingStart(context)).standings, order),
      prefix: config.topics.prefix,
      inputs: gateInputs(config),
      output: { topic: 'releases', partition: 0 },
      partitions: config.topics.partitions,
      view: () => undefined,
      step: config.step,
      group: `${config.topics.prefix}gate`,
    },
    find: outputs => outputs.map(({ value }) => value as Release).find(({ evidence }) => evidence.order === order.id),
    what: `the order on ${order.policy} was`,
    timeoutMs,
  })
}

/** A version is tried before it is named: rankers would wait for one that does not load. */
async function check(context: ServiceContext, order: Order): Promise<void> {
  const { policy: name, shares } = order
  const policy = context.config.policies.find(each => each.name === name)
  if (!policy) throw new FeedloopError('USAGE', `policy ${name} is not configured`)
  if (order.mode === null && shares === null)
    throw new FeedloopError('USAGE', 'nothing to change: neither --mode nor --share')
  const fault = sharesFault(shares ?? [{ model_version: '', share: 1, follows: true }])
  if (fault !== '') throw new FeedloopError('USAGE', `--share: ${fault}`)
  for (const { model_version: version, follows } of shares ?? []) {
    if (follows || version === '') continue
    const model = await findVersion(context, name, version)
    if (!model)
      throw new FeedloopError('MODEL_INCOMPATIBLE', `version ${version} of ${name} is not in the log (any more)`)
    createPolicyLoader(policy).load(model)
  }
}

import { randomUUID } from 'node:crypto'
import { userInfo } from 'node:os'
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { Mode, Share } from '../../schemas/records.ts'
import { orderRelease } from '../operate/release.ts'
import { atLeast, onBus, printJson, withConfig } from './shared.ts'

interface ReleaseFlags {
  readonly config?: string
  readonly mode?: Mode
  readonly share?: readonly Share[]
  readonly why: string
  readonly by: string
  readonly timeout: number
}

const modes: readonly Mode[] = ['online', 'apprentice', 'logging_only']

export function addRelease(program: Command): void {
  withConfig(
    program
      .command('release <policy>')
      .description("change a policy's mode and traffic shares while everything runs (docs/ranking.md)")
      .addOption(new Option('--mode <mode>', 'what decisions are for from now on').choices(modes))
      .option(
        '--share <version=part>',
        'part of the users that a version serves, repeated until they sum to 1; `latest`: what the gate let through last, and whatever follows; `initial`: the initial policy',
        (text: string, before: readonly Share[] = []) => [...before, shareOf(text)],
      )
      .requiredOption('--why <text>', 'stands in the release')
      .option('--by <name>', 'stands in the release', userInfo().username)
      .option('--timeout <seconds>', 'how long it may take', atLeast(1, 'any'), 60),
  ).action((policy: string, { mode, share, why, by, timeout, ...options }: ReleaseFlags) =>
    onBus(options, async context => {
      const order = { id: randomUUID(), policy, mode: mode ?? null, shares: share ?? null, why, by }
      printJson(await orderRelease(context, order, 1000 * timeout))
    }),
  )
}

/** `latest=0.9`, `000000000012=0.1`, `initial=0.05`. */
function shareOf(text: string): Share {
  const [, name, part] = /^(latest|initial|\d+)=([\d.]+)$/.exec(text) ?? []
  if (name === undefined || !Number.isFinite(Number(part)))
    throw new InvalidArgumentError('It is not VERSION=PART, latest=PART or initial=PART.')
  return { model_version: /^\d/.test(name) ? name : '', share: Number(part), follows: name === 'latest' }
}

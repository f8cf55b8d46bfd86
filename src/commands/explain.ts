import type { Command } from 'commander'
import type { ExplainedItem, Recommendation } from '../../schemas/records.ts'
import { type ExplainedDecision, explainDecision } from '../evaluation/explain.ts'
import type { Joined, JoinedTransition } from '../evaluation/joined.ts'
import type { JoinKind } from '../transitions/join.ts'
import { onBus, oneLine, printJson, withConfig } from './shared.ts'

interface ExplainFlags {
  readonly config?: string
  readonly user?: string
  readonly json?: boolean
}

export function addExplain(program: Command): void {
  withConfig(
    program
      .command('explain <decision>')
      .description(
        'how the scores of a logged decision came about, what let its version serve, and what came of it (docs/ranking.md)',
      )
      .option('--user <id>', 'whose decision it is: reads one partition instead of all')
      .option('--json', 'print one JSON object'),
  ).action((id: string, options: ExplainFlags) =>
    onBus(options, async context => {
      const explained = await explainDecision(context, id, options.user)
      if (options.json) printJson(explained)
      else process.stdout.write(`${describeDecision(explained)}\n`)
    }),
  )
}

/** Who decided and what came of it, then each item with its score and what made it, the largest first; what adds nothing is left out. */
export function describeDecision({ decision, explanation, release, joined }: ExplainedDecision): string {
  const { decision_id, user_id, policy, model_version, mode, chosen_by, explorer, reason } = decision
  const version = model_version === '' ? 'the initial policy' : `version ${model_version}`
  const parameters = Object.entries(explorer.parameters).map(([name, value]) => ` ${name} ${rounded(value)}`)
  return [
    `${decision_id}  user ${user_id}, policy ${policy}, ${version}, ${mode}, chosen by ${chosen_by}${reason && `, ${reason}`}`,
    `explorer     ${explorer.name}${parameters.join(',')}`,
    `release      ${release ? `${release.release_version}, ${release.reason}` : 'none known'}`,
    `evidence     ${pairs(explanation?.evidence ?? {}) || 'none known'}`,
    ...describeJoined(joined),
    ...(explanation?.items.flatMap(item => describeItem(item, decision)) ?? ['Nothing was scored.']),
  ]
    .map(oneLine)
    .join('\n')
}

const unlearned: Readonly<Record<JoinKind, string>> = {
  open: 'nothing yet, or it is not in the log (any more)',
  expired: 'nothing, ever: it was taken up after its deadline',
  shed: 'nothing, ever: it was shed',
  empty: 'nothing, ever: nothing was shown',
}

/** Rewards by component, of each slot and of the slate, and until when they may change. */
export function describeJoined({ kind, transitions, isOpen, countsUntilMs, correctsUntilMs }: Joined): string[] {
  const state = isOpen === null ? 'its policy is not configured (any more)' : isOpen ? 'open' : 'closed'
  const windows =
    countsUntilMs === null || correctsUntilMs === null
      ? ''
      : `: outcomes that name no decision count until ${timeOf(countsUntilMs)}, those that name it until ${timeOf(correctsUntilMs)}, by then as corrections`
  if (transitions.length === 0)
    return [`came of it   ${unlearned[kind]}${kind === 'open' ? `; ${state}${windows}` : ''}`]
  return [`came of it   ${state}${windows}`, ...transitions.map(describeTransition)]
}

function describeTransition(transition: JoinedTransition): string {
  const { slot, action, cumulative, revision, reward_time_ms, next_decision_id, terminated, truncated } = transition
  const newest = reward_time_ms === null ? '' : `, newest outcome ${timeOf(reward_time_ms)}`
  const ways = [
    next_decision_id !== null && `, then ${next_decision_id}`,
    terminated && ', the end of the episode',
    truncated && ', then unknown',
  ]
  return `  ${slot < 0 ? 'slate' : `slot ${slot}`}  ${action.join(', ')}: ${pairs(cumulative) || 'no reward'} (revision ${revision}${newest})${ways.filter(Boolean).join('')}`
}

/** A window may be longer than times go. */
const timeOf = (ms: number): string => new Date(Math.min(ms, LATEST_MS)).toISOString()
const LATEST_MS = 8.64e15

const describeItem = (item: ExplainedItem, decision: Recommendation): string[] => [
  `${item.slot < 0 ? 'not shown' : `slot ${item.slot}`}  ${item.item_id}: score ${rounded(item.score)} (rank ${item.rank}), ` +
    `${decision.chosen_by === 'policy' ? '' : "the policy's own "}first-slot probability ${rounded(item.probability)}${howChosen(item, decision)}`,
  ...Object.entries(item.contributions)
    .filter(([, value]) => value !== 0)
    .sort(([, a], [, b]) => Math.abs(b) - Math.abs(a))
    .map(([name, value]) => `  ${value < 0 ? '-' : '+'}${rounded(Math.abs(value)).padEnd(10)} ${name}`),
]

/** Only what the policy drew explores or exploits; of what another showed the policy's own probability is not the logged one. */
function howChosen({ slot, explored }: ExplainedItem, { slots, chosen_by }: Recommendation): string {
  const shown = slots.find(({ position }) => position === slot)
  if (!shown) return ''
  if (shown.pinned) return ', pinned'
  if (chosen_by === 'policy') return explored ? ', exploration' : ', exploitation'
  return `, shown by ${chosen_by} with ${rounded(shown.first_draw_propensity)}`
}

const pairs = (values: Readonly<Record<string, unknown>>): string =>
  Object.entries(values)
    .map(([name, value]) => `${name} ${typeof value === 'number' ? rounded(value) : value}`)
    .join(', ')

const rounded = (value: number): string => String(Number(value.toPrecision(6)))

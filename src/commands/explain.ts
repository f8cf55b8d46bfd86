import type { Command } from 'commander'
import type { ExplainedItem, Recommendation } from '../../schemas/records.ts'
import { type ExplainedDecision, explainDecision } from '../evaluation/explain.ts'
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
      .description('how the scores of a logged decision came about, and what let its version serve (docs/ranking.md)')
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

/** Who decided, then each item with its score and what made it, the largest first; what adds nothing is left out. */
export function describeDecision({ decision, explanation, release }: ExplainedDecision): string {
  const { decision_id, user_id, policy, model_version, mode, chosen_by, explorer, reason } = decision
  const version = model_version === '' ? 'the initial policy' : `version ${model_version}`
  const parameters = Object.entries(explorer.parameters).map(([name, value]) => ` ${name} ${rounded(value)}`)
  return [
    `${decision_id}  user ${user_id}, policy ${policy}, ${version}, ${mode}, chosen by ${chosen_by}${reason && `, ${reason}`}`,
    `explorer     ${explorer.name}${parameters.join(',')}`,
    `release      ${release ? `${release.release_version}, ${release.reason}` : 'none known'}`,
    `evidence     ${pairs(explanation?.evidence ?? {}) || 'none known'}`,
    ...(explanation?.items.flatMap(item => describeItem(item, decision)) ?? ['Nothing was scored.']),
  ]
    .map(oneLine)
    .join('\n')
}

const describeItem = (item: ExplainedItem, decision: Recommendation): string[] => [
  `${item.slot < 0 ? 'not shown' : `slot ${item.slot}`}  ${item.item_id}: score ${rounded(item.score)} (rank ${item.rank}), ` +
    `first-slot probability ${rounded(item.probability)}${howChosen(item, decision)}`,
  ...Object.entries(item.contributions)
    .filter(([, value]) => value !== 0)
    .sort(([, a], [, b]) => Math.abs(b) - Math.abs(a))
    .map(([name, value]) => `  ${value < 0 ? '-' : '+'}${rounded(Math.abs(value)).padEnd(10)} ${name}`),
]

/** Only what the policy drew explores or exploits. */
function howChosen({ slot, explored }: ExplainedItem, { slots, chosen_by }: Recommendation): string {
  if (slot < 0) return ''
  if (slots.find(({ position }) => position === slot)?.pinned) return ', pinned'
  return chosen_by !== 'policy' ? '' : explored ? ', exploration' : ', exploitation'
}

const pairs = (values: Readonly<Record<string, unknown>>): string =>
  Object.entries(values)
    .map(([name, value]) => `${name} ${typeof value === 'number' ? rounded(value) : value}`)
    .join(', ')

const rounded = (value: number): string => String(Number(value.toPrecision(6)))

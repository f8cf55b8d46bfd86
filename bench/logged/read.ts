/**
 * Vowpal Wabbit's text files of logged bandit decisions (its wiki: "Input format", "Contextual Bandit algorithms"):
 * `action:cost:probability | word word:2 …` one a line, after the action of a policy to evaluate where `--eval` is meant; or a
 * group of lines, `shared | …` and one line an action, of which the one that was taken has the label `0:cost:probability`.
 */
import { readFileSync } from 'node:fs'

export interface LoggedDecision {
  /** Features by name. */
  readonly context: Readonly<Record<string, number>>
  /** Names of the actions that could be taken. */
  readonly actions: readonly string[]
  /** Index of the one that was. */
  readonly taken: number
  readonly cost: number
  /** With which it was taken. */
  readonly probability: number
  /** Index of the action that a policy to be evaluated would have taken. */
  readonly target?: number
}

/** @param actions number of actions `1` … of a file without groups
 * @throws Error for what is no such file */
export function readLogged(file: string, actions?: number): LoggedDecision[] {
  const text = readFileSync(file, 'utf8')
  if (actions === undefined)
    return text.split(/\n\s*\n/).flatMap(group => (group.trim() ? [fromGroup(group.trim())] : []))
  const names = Array.from({ length: actions }, (_, i) => String(i + 1))
  return text.split('\n').flatMap(line => (line.trim() ? [fromLine(line, names)] : []))
}

function fromLine(line: string, actions: readonly string[]): LoggedDecision {
  const bar = line.indexOf('|')
  const before = line.slice(0, bar).trim().split(/\s+/)
  const [action, cost, probability] = labelOf(before.at(-1)!, line)
  const logged = { context: featuresOf(line.slice(bar)), actions, taken: actions.indexOf(action), cost, probability }
  if (logged.taken < 0) throw new Error(`action ${action} of ${actions.length}: ${line.slice(0, 80)}`)
  return before.length > 1 ? { ...logged, target: actions.indexOf(before[0]) } : logged
}

function fromGroup(group: string): LoggedDecision {
  const lines = group.split('\n')
  const shared = lines[0].startsWith('shared') ? lines.shift()! : 'shared |'
  const label = (line: string) => line.slice(0, line.indexOf('|')).trim()
  const taken = lines.findIndex(line => label(line) !== '')
  if (taken < 0) throw new Error(`no action was taken: ${group.slice(0, 80)}`)
  const [, cost, probability] = labelOf(label(lines[taken]), group)
  const actions = lines.map(line => Object.keys(featuresOf(line.slice(line.indexOf('|')))).join(' '))
  return { context: featuresOf(shared.slice(shared.indexOf('|'))), actions, taken, cost, probability }
}

function labelOf(label: string, line: string): [string, number, number] {
  const [action, cost, probability] = label.split(':')
  const numbers: [number, number] = [Number(cost), Number(probability)]
  if (!Number.isFinite(numbers[0]) || !(numbers[1] > 0 && numbers[1] <= 1))
    throw new Error(`no label action:cost:probability: ${line.slice(0, 80)}`)
  return [action, ...numbers]
}

/** `|namespace name name:value …`, one namespace after another. */
function featuresOf(text: string): Record<string, number> {
  const features: Record<string, number> = {}
  for (const part of text.split('|').slice(1)) {
    const [namespace, ...names] = part.startsWith(' ') ? ['', ...part.trim().split(/\s+/)] : part.trim().split(/\s+/)
    for (const feature of names) {
      const [, name, value] = /^(.*?)(?::(-?[\d.eE+-]+))?$/.exec(feature)!
      const full = namespace ? `${namespace}^${name}` : name
      if (name) features[full] = (features[full] ?? 0) + (value === undefined ? 1 : Number(value))
    }
  }
  return features
}

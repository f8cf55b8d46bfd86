/**
 * Conditions of the configuration on an item at a moment, in CEL (https://cel.dev): what may be shown, what is boosted. An
 * expression sees `item` (its attributes, `item.id`, and `item.time`, since when it is so; these two hide attributes of the
 * same name), `context` (of the request), `user` (attributes of the profile, and `user.id`) and `now`. Attributes' numbers
 * are doubles: they compare with any number, and are added to and multiplied with doubles (`item.price * 2.0`).
 *
 * What cannot be evaluated (an attribute that is not there, or of another type) is not met and is counted; `||`, `&&` and
 * `has(item.x)` do what CEL says before that.
 */
import { type ASTNode, Environment } from '@marcbachmann/cel-js'
import { z } from 'zod'
import { FeedloopError } from '../errors.ts'
import type { CatalogueItem } from '../features/store.ts'

type Attributes = CatalogueItem['attributes']

/** What a condition sees besides the item. */
export interface Moment {
  readonly context: Attributes
  readonly user: Attributes
  readonly now: Date
  /** Evaluations that failed, by the condition's source. */
  readonly failed: Map<string, number>
}

/** Names of the variables that an expression may read. */
export type Variable = 'item' | 'context' | 'user' | 'now'

/** Never throws. @param item undefined: one of which the catalogue knows nothing, so that it has no attributes */
export type Condition = (item: CatalogueItem | undefined, moment: Moment) => boolean

export interface CompiledCondition extends Condition {
  /** Without all but `item` it says the same of an item in every request. */
  readonly reads: ReadonlySet<Variable>
}

/** All of them hold; of an item that does not meet one, those after it are not asked. */
export const meetsAll = (conditions: readonly Condition[], item: CatalogueItem | undefined, moment: Moment): boolean =>
  conditions.every(condition => condition(item, moment))

export const momentOf = (context: Attributes, userId: string, profile: Attributes, nowMs: number): Moment => ({
  context,
  user: { ...profile, id: userId },
  now: new Date(nowMs),
  failed: new Map(),
})

const variables: Readonly<Record<Variable, string>> = {
  item: 'map<string, dyn>',
  context: 'map<string, dyn>',
  user: 'map<string, dyn>',
  now: 'google.protobuf.Timestamp',
}

const environment = new Environment({ limits: { maxAstNodes: 1000, maxDepth: 32 } })
for (const [name, type] of Object.entries(variables)) environment.registerVariable(name, type)

const nothing: Readonly<Record<string, unknown>> = Object.freeze({})

/** @throws FeedloopError CONFIG_INVALID for what is no CEL, has a type error, is no truth value, or uses `matches` */
export function compileCondition(source: string): CompiledCondition {
  const fault = faultOf(source)
  if (fault !== null) throw new FeedloopError('CONFIG_INVALID', fault)
  const evaluate = environment.parse(source)
  const names = namesIn(evaluate.ast)
  const condition: Condition = (item, { context, user, now, failed }) => {
    try {
      const met: unknown = evaluate({ item: item ? seen(item) : nothing, context, user, now })
      if (typeof met === 'boolean') return met
    } catch {
      // told by the count
    }
    failed.set(source, (failed.get(source) ?? 0) + 1)
    return false
  }
  const reads = new Set((Object.keys(variables) as Variable[]).filter(name => names.has(name)))
  return Object.assign(condition, { reads })
}

/** A condition as the configuration has it, checked when it is read. */
export const conditionSource = z.string().superRefine((source, context) => {
  const fault = faultOf(source)
  if (fault !== null) context.addIssue({ code: 'custom', message: fault })
})

function faultOf(source: string): string | null {
  const { valid, type, error } = environment.check(source)
  const fault = !valid
    ? error!.message.split('\n')[0]
    : type !== 'bool' && type !== 'dyn'
      ? `it is a ${type}, not a bool`
      : // The library runs it on JavaScript's engine, where a pattern can take exponential time.
        namesIn(environment.parse(source).ast).has('matches')
        ? 'matches() is not offered; use startsWith, endsWith, contains or in'
        : null
  return fault && `condition \`${source}\`: ${fault}`
}

const seen = ({ attributes, itemId, timeMs }: CatalogueItem) => ({ ...attributes, id: itemId, time: new Date(timeMs) })

/** Names of variables, functions and methods; those that a macro binds are among them, which only makes it more careful. */
function namesIn(ast: ASTNode): ReadonlySet<string> {
  const names = new Set<string>()
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) node.forEach(visit)
    else if (isNode(node)) {
      if (node.op === 'id') names.add(node.args)
      if (node.op === 'call') names.add(node.args[0])
      if (node.op === 'rcall') names.add(node.args[0])
      if (node.op !== 'value') visit(node.args)
    }
  }
  visit(ast)
  return names
}

const isNode = (value: unknown): value is ASTNode => typeof value === 'object' && value !== null && 'op' in value

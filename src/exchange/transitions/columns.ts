/**
 * The table that `feedloop transitions export` writes: a row is one transition with its cumulative reward, encoded as the
 * learner encodes it, so that who trains elsewhere trains on the same numbers. docs/exchange.md lists the columns; a test
 * holds it to this table.
 */
import type { SchemaElement } from 'hyparquet'
import type { ColumnSource } from 'hyparquet-writer'
import type { Candidate } from '../../../schemas/records.ts'
import { openNext, openTo } from '../../learner/examples.ts'
import type { Example } from '../../learner/learner.ts'

type Leaf = Pick<SchemaElement, 'type' | 'converted_type'>

const text: Leaf = { type: 'BYTE_ARRAY', converted_type: 'UTF8' }
const float: Leaf = { type: 'FLOAT' }
const double: Leaf = { type: 'DOUBLE' }
const int: Leaf = { type: 'INT32' }
const flag: Leaf = { type: 'BOOLEAN' }
const time: Leaf = { type: 'INT64', converted_type: 'TIMESTAMP_MILLIS' }

interface Column {
  readonly meaning: string
  /** As the format describes it, its parts after it. */
  readonly schema: (name: string) => readonly SchemaElement[]
  readonly value: (example: Example) => unknown
}

type Repetition = 'REQUIRED' | 'OPTIONAL'

const plain = (
  leaf: Leaf,
  meaning: string,
  value: Column['value'],
  repetition_type: Repetition = 'REQUIRED',
): Column => ({
  meaning,
  schema: name => [{ name, ...leaf, repetition_type }],
  value,
})

/** In the three levels that the format's "Nested Types" asks for. */
const list = (
  leaf: Leaf,
  meaning: string,
  value: Column['value'],
  repetition_type: Repetition = 'REQUIRED',
): Column => ({
  meaning,
  schema: name => [
    { name, converted_type: 'LIST', repetition_type, num_children: 1 },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    { name: 'element', ...leaf, repetition_type: 'REQUIRED' },
  ],
  value,
})

const map = (leaf: Leaf, meaning: string, value: Column['value']): Column => ({
  meaning,
  schema: name => [
    { name, converted_type: 'MAP', repetition_type: 'REQUIRED', num_children: 1 },
    { name: 'key_value', repetition_type: 'REPEATED', num_children: 2 },
    { name: 'key', ...text, repetition_type: 'REQUIRED' },
    { name: 'value', ...leaf, repetition_type: 'REQUIRED' },
  ],
  value,
})

const ids = (candidates: readonly Candidate[]): string[] => candidates.map(({ item_id }) => item_id)
/** One vector after another. */
const flat = (vectors: readonly Float32Array[]): number[] => vectors.flatMap(vector => [...vector])
const timeOf = (ms: number | null): Date | null => (ms === null ? null : new Date(ms))

export const columns: Readonly<Record<string, Column>> = {
  transition_id: plain(text, 'decision and slot', ({ transition }) => transition.transition_id),
  revision: plain(int, 'number of the revision that the row is as of', ({ transition }) => transition.revision),
  decision_id: plain(text, 'decision', ({ transition }) => transition.decision_id),
  slot: plain(int, 'position in the slate; -1: the slate as a whole', ({ transition }) => transition.slot),
  slots: plain(int, 'size of the slate', ({ transition }) => transition.slots),
  user_id: plain(text, 'user', ({ transition }) => transition.user_id),
  session_id: plain(text, 'session', ({ transition }) => transition.session_id),
  session_step: plain(int, 'decisions of the session before this one', ({ transition }) => transition.session_step),
  state: list(float, 'state s, encoded', ({ state }) => [...state]),
  candidates: list(text, 'items that could be drawn', ({ transition }) => ids(openTo(transition))),
  candidate_vectors: list(float, 'their vectors, one after another', ({ candidates }) => flat(candidates)),
  action: plain(int, 'index of the item shown among the candidates; -1: none of them', ({ action }) => action),
  items: list(text, 'items shown: one, or the whole slate', ({ transition }) => [...transition.action]),
  propensity: plain(
    double,
    'probability of the slot, given the slots before it',
    ({ transition }) => transition.propensity,
  ),
  first_draw_propensity: plain(
    double,
    'probability of the item as the first drawn: μ of importance weights',
    ({ transition }) => transition.first_draw_propensity,
  ),
  propensity_kind: plain(
    text,
    'exact, estimated, deterministic, unknown: only exact ones may weigh',
    ({ transition }) => transition.propensity_kind,
  ),
  mode: plain(text, 'online, apprentice, logging_only', ({ transition }) => transition.mode),
  chosen_by: plain(text, 'policy, baseline, pinned', ({ transition }) => transition.chosen_by),
  model_version: plain(
    text,
    'version that decided; empty: the initial policy',
    ({ transition }) => transition.model_version,
  ),
  weight: plain(double, 'learning weight', ({ transition }) => transition.weight),
  rewards: map(double, 'cumulative reward by component', ({ transition }) => transition.cumulative),
  reward: plain(double, 'their weighted sum, in rewardRange where one is set', ({ reward }) => reward),
  discount: plain(
    double,
    'γ to the power of the time to the next decision; null: none is known',
    ({ transition }) => transition.discount,
    'OPTIONAL',
  ),
  next_decision_id: plain(
    text,
    "the session's next decision",
    ({ transition }) => transition.next_decision_id,
    'OPTIONAL',
  ),
  next_state: list(float, 'state of it, encoded', ({ nextState }) => nextState && [...nextState], 'OPTIONAL'),
  next_candidates: list(
    text,
    'items that it could show',
    ({ transition }) => {
      const open = openNext(transition)
      return open && ids(open)
    },
    'OPTIONAL',
  ),
  next_candidate_vectors: list(
    float,
    'their vectors, one after another',
    ({ nextCandidates }) => nextCandidates && flat(nextCandidates),
    'OPTIONAL',
  ),
  terminated: plain(flag, 'the episode ended: no value beyond', ({ transition }) => transition.terminated),
  truncated: plain(flag, 'observation ended: value beyond is unknown, not 0', ({ transition }) => transition.truncated),
  decision_time: plain(time, 'when it was decided', ({ transition }) => timeOf(transition.decision_time_ms)),
  reward_time: plain(time, 'newest outcome', ({ transition }) => timeOf(transition.reward_time_ms), 'OPTIONAL'),
}

/** As the writer wants them. Numbers of vectors hardly repeat: to look for a dictionary among them was two thirds of the time. */
export const parquetColumns: Omit<ColumnSource, 'data'>[] = Object.entries(columns).map(([name, { schema }]) => {
  const isVector = schema(name).some(({ type }) => type === 'FLOAT')
  return isVector ? { name, encoding: 'PLAIN', statistics: false } : { name }
})

export const parquetSchema: SchemaElement[] = [
  { name: 'transitions', num_children: Object.keys(columns).length },
  ...Object.entries(columns).flatMap(([name, { schema }]) => schema(name)),
]

export const rowOf = (example: Example): Record<string, unknown> =>
  Object.fromEntries(Object.entries(columns).map(([name, { value }]) => [name, value(example)]))

/**
 * Large catalogues are searched before the step, in a thread: a step is one synchronous function, and a scan of a million items
 * would stop everything else for its time. What is found are rows to consider; the step itself orders them by exact scores,
 * filters them and draws the others, and the decision logs what came of it. So nothing of it need be repeated by `fold`.
 * The query is that of the user as the step will see him: with this step's own events. Only what the step will decide in full
 * is searched for: load that is shed must not be scanned for.
 */
import type { Request } from '../../../schemas/records.ts'
import type { Config, PolicyConfig } from '../../config.ts'
import { validateRequest } from '../../events/validate.ts'
import type { Policy } from '../../models/policy.ts'
import type { Input, Tick } from '../../stage.ts'
import { createStateEncoder } from '../../state/encode.ts'
import type { Table } from '../../state/table.ts'
import { snapshotOf } from '../../state/user.ts'
import { createOrder, maxFromCatalogue } from '../candidates.ts'
import { momentOf } from '../condition.ts'
import { createHidden } from '../constraints/hidden.ts'
import { isLate, type RankerView } from '../decide.ts'
import { passes, passProbabilityOf } from '../shed.ts'
import { type People, type RankerState, userOf } from '../state.ts'
import { learn } from '../step.ts'
import { type Admission, createAdmission } from './admission.ts'
import { type CatalogueIndex, indexOf } from './catalogue-index.ts'
import type { Placed } from './placed.ts'
import { asked, deeper } from './search.ts'
import type { ScanThread } from './thread.ts'

/** Bytes of rows that a scan in the step goes through in about half a millisecond: asking a thread would take as long again. */
export const IN_STEP = 2 ** 21

export type SearchAhead = (
  step: { readonly inputs: readonly Input[]; readonly state: RankerState; readonly tick: Tick },
  view: RankerView,
) => Promise<ReadonlyMap<string, Int32Array>>

interface Query {
  readonly requestId: string
  readonly index: CatalogueIndex
  readonly placed: Placed
  readonly vector: Float32Array
  readonly admission: Admission
  readonly max: number
}

/** @returns what was found by request id; requests that need no thread are not among them */
export function createSearchAhead(config: Config, scan: ScanThread['scan']): SearchAhead {
  const queriesOf = createQueries(config)
  return async (step, view) => {
    const found = new Map<string, Int32Array>()
    let open = queriesOf(step, view).map(query => ({ query, count: asked(query.max) }))
    while (open.length > 0) {
      const groups = [...Map.groupBy(open, ({ query, count }) => `${query.index.id} ${count}`).values()]
      const answers = groups.map(async group => {
        const [{ query, count }] = group
        const vectors = group.map(each => each.query.vector)
        const rows = await scan(query.placed.rows, vectors, count)
        return group.map(({ query }, k) => {
          found.set(query.requestId, rows[k])
          return { query, count: deeper(rows[k], count, query) }
        })
      })
      const all = (await Promise.all(answers)).flat()
      open = all.filter((each): each is { query: Query; count: number } => each.count !== undefined)
    }
    return found
  }
}

/** A request that the step will search for, as far as one can tell without knowing who asks. */
interface Wanted extends Pick<Query, 'index' | 'placed' | 'max'> {
  readonly request: Request
  readonly policy: PolicyConfig
  readonly version: Policy | null
}

function createQueries(config: Config) {
  const encoder = createStateEncoder(config)
  const orderOf = createOrder(encoder)
  const hiddenFrom = new Map(config.policies.map(({ name, constraints }) => [name, createHidden(constraints)]))
  const wantedOf = createWanted(config)

  const queryOf = (wanted: Wanted, people: People, tick: Tick, view: RankerView): Query | undefined => {
    const { request, policy, version, ...where } = wanted
    const { placed } = where
    const user = userOf(people, request.user_id)
    const versionOf = (itemId: string): number => view.features.current(itemId)?.featureVersion ?? 0
    const snapshot = snapshotOf(user, request.context, tick.timeMs, versionOf)
    const order = orderOf(policy.candidates, version)
    const by = order?.space === placed.retrieval.space ? order : placed.retrieval
    const vector = by.query(encoder.encode(snapshot, view.features.vector))
    if (!vector) return undefined
    const moment = momentOf(request.context, request.user_id, user.profile?.attributes ?? {}, tick.timeMs)
    const hidden = hiddenFrom.get(policy.name)!(request, () => snapshot.history)
    const admission = createAdmission(where.index, moment, hidden)
    return { ...where, requestId: request.request_id, vector, admission }
  }
  return (step: Parameters<SearchAhead>[0], view: RankerView): readonly Query[] => {
    const wanted = wantedOf(step, view)
    if (wanted.length === 0) return []
    const { inputs, state, tick } = step
    const requests = wanted.map(({ request }) => request)
    const people = peopleAfter(requests, inputs, state, config, tick)
    return wanted.map(each => queryOf(each, people, tick, view)).filter(query => query !== undefined)
  }
}

/** Of the step's requests those that it will decide in full, from a catalogue that is worth a thread. */
function createWanted(config: Config) {
  const policies = new Map(config.policies.map(policy => [policy.name, policy]))
  const wantedOf = (request: Request, tick: Tick, view: RankerView): Wanted | undefined => {
    const policy = policies.get(request.policy)!
    const { mode, policy: version } = view.serving(request.policy, request.user_id)
    if (mode === 'logging_only' || isLate(request, mode, tick.timeMs)) return undefined
    const index = indexOf(view.features, policy)
    const { placed } = index
    const max = maxFromCatalogue(config, policy)
    if (!placed || index.eligible.size <= max || placed.rows.bytes <= IN_STEP) return undefined
    return { request, policy, version, index, placed, max }
  }
  return ({ inputs, state, tick }: Parameters<SearchAhead>[0], view: RankerView): readonly Wanted[] => {
    const requests = inputs.filter(input => input.topic === 'requests') as readonly Input<Request>[]
    const passProbability = passProbabilityOf(requests, tick, config, view.features)
    /** A request that names its candidates is taken as it is: to check a thousand takes its time, and it is not searched for anyhow. */
    const isSound = (request: Request): boolean =>
      request.candidates !== null ||
      (policies.has(request.policy) && validateRequest(request, tick.timeMs, config.limits) === null)
    const decided = new Set<string>()
    const isNew = ({ request_id: id }: Request): boolean => {
      if (decided.has(id) || state.decidedIds.has(id)) return false
      decided.add(id)
      return true
    }
    return requests
      .map(input => input.value)
      .filter(request => isSound(request) && isNew(request) && request.candidates === null)
      .filter(request => passes(request.request_id, passProbability))
      .map(request => wantedOf(request, tick, view))
      .filter(wanted => wanted !== undefined)
  }
}

/** Those who ask, as the step's own events and profiles leave them. The state itself stays as it is. */
function peopleAfter(
  requests: readonly Request[],
  inputs: readonly Input[],
  state: RankerState,
  config: Config,
  tick: Tick,
): People {
  const asking = new Set(requests.map(request => request.user_id))
  const { people, sessions } = state.tables
  const after = { tables: { people: apart(people), sessions: apart(sessions) } }
  const theirs = inputs.filter(({ topic, value, key }) => {
    const userId = (value as { user_id?: string } | null)?.user_id ?? key
    return topic !== 'requests' && userId !== null && asking.has(userId)
  })
  learn(after, theirs, config, tick)
  return after
}

/** A table's rows with changes that stay out of it. */
function apart<T>(table: Pick<Table<T>, 'get'>): Pick<Table<T>, 'get' | 'set' | 'delete'> {
  const changed = new Map<string, T | undefined>()
  return {
    get: key => (changed.has(key) ? changed.get(key) : table.get(key)),
    set: (key, value) => void changed.set(key, value),
    delete: key => void changed.set(key, undefined),
  }
}

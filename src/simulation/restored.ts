/** What a machine that takes a partition over at the end recovers from snapshots, against the fold of all accepted steps. */
import { isDeepStrictEqual } from 'node:util'
import type { Logger } from 'pino'
import { recover } from '../log/chain/recover.ts'
import type { ChainIo, Rim } from '../log/chain/rim.ts'
import { chainRules } from '../log/chain/rules.ts'
import type { Meter } from '../metrics.ts'
import type { TopicName } from '../pipeline.ts'
import { withSnapshots } from '../ranker/snapshots.ts'
import type { RankerState } from '../ranker/state.ts'
import { LAST_KEY } from '../state/table.ts'
import type { Finished } from './judge.ts'
import { EPOCH_MS, PARTITIONS } from './plan.ts'
import { type Keeps, wiring } from './stages.ts'
import { stillLog } from './still.ts'

const silent = { warn() {}, info() {}, error() {}, debug() {} } as unknown as Logger
const meter = { add() {}, set() {}, observe() {} } as unknown as Meter
/** Nothing but its end wakes who sleeps. */
const rim: Rim = {
  now: () => EPOCH_MS,
  sleep: (_, signal) => new Promise(resolve => signal?.addEventListener('abort', () => resolve(), { once: true })),
  randomId: () => '0'.repeat(16),
}

/** @returns the first difference; null: none */
export async function restoresOtherwise(run: Finished): Promise<string | null> {
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const folded = await recovered(run, partition)
    const restored = await recovered(run, partition, (store, _, signal) =>
      withSnapshots(
        { ...ioOf(run, signal), wire: run.wire, config: run.config, meter, logger: silent, partition },
        store,
      ),
    )
    if (restored.fromFloor) run.fromFloor()
    for (const [table, rows] of Object.entries(folded.known)) {
      const others = restored.known[table as keyof typeof restored.known]
      if (!isDeepStrictEqual(rows, others))
        return `ranker/${partition} restores other ${table}: ${differenceOf(rows, others)}`
    }
  }
  return null
}

function ioOf({ find, partitionCount }: Finished, signal?: AbortSignal): { readonly io: ChainIo } {
  const log = stillLog((topic, partition) => find(topic as TopicName, partition), partitionCount)
  return { io: { log, rim, rules: chainRules, ...(signal && { signal }) } }
}

async function recovered(run: Finished, partition: number, snapshots?: Keeps['snapshots']) {
  const { inputs, output, stage } = wiring.ranker
  const { io } = ioOf(run)
  const options = {
    log: io.log,
    wire: run.wire,
    meter,
    logger: silent,
    stage: stage(run.config, snapshots && { snapshots }),
    prefix: '',
    inputs: inputs(partition),
    output: { topic: output, partition },
    view: () => undefined,
    now: rim.now,
    step: { intervalMs: 0, maxRecords: 100, maxBytes: 1 << 20, progressMs: 1000, idleMs: 1000 },
  }
  const session = await recover<RankerState, unknown>({
    options,
    io,
    squeeze: { records: 100, time: 1 },
    notify: () => {},
  })
  const known = knownIn(session.state, run.config.limits.requestDedupMs)
  const fromFloor = Boolean(session.state.openedAt)
  await session.close()
  return { known, fromFloor }
}

/** Which ids are forgotten goes by pages, which begin where the state does: those that still count. */
function knownIn({ tables: { people, sessions, decided } }: RankerState, windowMs: number) {
  const ids = [...decided.range('', LAST_KEY)]
  const sinceMs = Math.max(...ids.map(([, timeMs]) => timeMs)) - windowMs
  return {
    people: [...people.range('', LAST_KEY)],
    sessions: [...sessions.range('', LAST_KEY)],
    decided: ids.filter(([, timeMs]) => timeMs >= sinceMs),
  }
}

function differenceOf(rows: readonly (readonly [string, unknown])[], others: typeof rows): string {
  const all = new Map(others)
  const [key, value] = rows.find(([each, row]) => !isDeepStrictEqual(row, all.get(each))) ?? ['more', null]
  return `${key}: ${JSON.stringify(all.get(key))} for ${JSON.stringify(value)}`
}

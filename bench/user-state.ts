/**
 * What the ranker keeps of people: what a decision costs and what memory is held with 50,000 and with a million people of
 * full histories, in memory and on disk; and how long a task takes to go on from a million. Each contestant is a process
 * of its own (bench/user-state/). `--scale 0.1` shrinks the large ones.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BenchOptions, BenchResult } from './main.ts'
import { child } from './processes.ts'
import type { RecoveryResult } from './user-state/recovery.ts'
import type { RestoreResult } from './user-state/restore.ts'
import type { StepsOptions, StepsResult } from './user-state/steps.ts'

const SMALL = 50_000
const LARGE = 1_000_000
const DECISIONS = 20_000

export async function bench({ args, say }: BenchOptions): Promise<BenchResult> {
  const scale = Number(args.scale ?? 1)
  const many = Math.round(LARGE * scale)
  const folder = await mkdtemp(join(tmpdir(), 'feedloop-bench-users-'))
  const steps = async (store: StepsOptions['store'], users: number): Promise<StepsResult> => {
    say(`${users} users, ${store}`)
    const own = join(folder, `${store}-${users}`)
    const result = await child<StepsResult>('user-state/steps.ts', { store, users, decisions: DECISIONS, folder: own })
    await rm(own, { recursive: true, force: true })
    return result
  }
  try {
    const memory = await steps('memory', SMALL)
    const small = await steps('disk', SMALL)
    const large = await steps('disk', many)
    say(`recovery of ${many} users`)
    const recovery = await child<RecoveryResult>('user-state/recovery.ts', {
      folder: join(folder, 'recovery'),
      users: many,
    })
    say(`${many} users with full histories from snapshots`)
    const restore = await child<RestoreResult>('user-state/restore.ts', {
      folder: join(folder, 'restore'),
      users: many,
    })
    return {
      results: { memory, small, large, recovery, restore },
      bars: [
        {
          name: "a decision's and an event's work, in memory",
          value: memory.threadMicrosPerDecision,
          unit: 'µs',
          atMost: 300,
        },
        { name: 'the same on disk', value: small.threadMicrosPerDecision, unit: 'µs', atMost: 300 },
        { name: 'the same with a million on disk', value: large.threadMicrosPerDecision, unit: 'µs', atMost: 300 },
      ],
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

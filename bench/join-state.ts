/**
 * The joiner's state beyond memory: what a record costs and what memory is held with 50,000 open joins (on the heap and
 * on disk) and with five million on disk, in the page cache and cold; and how long a task takes to go on from a million
 * that a killed process left. Each contestant is a process of its own (bench/join-state/). `--scale 0.1` shrinks the large
 * ones.
 */
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RecoveryResult } from './join-state/recovery.ts'
import type { StepsOptions, StepsResult } from './join-state/steps.ts'
import type { BenchOptions, BenchResult } from './main.ts'
import { child } from './processes.ts'

const SMALL = 50_000
const LARGE = 5_000_000
const RECOVERED = 1_000_000
const RECORDS = 60_000

export async function bench({ args, say }: BenchOptions): Promise<BenchResult> {
  const scale = Number(args.scale ?? 1)
  const folder = await mkdtemp(join(tmpdir(), 'feedloop-bench-state-'))
  const steps = async (store: 'heap' | 'disk', open: number): Promise<StepsResult> => {
    say(`${open} open joins, ${store}`)
    const options: StepsOptions = { store, open, records: RECORDS, folder: join(folder, `${store}-${open}`) }
    return child<StepsResult>('join-state/steps.ts', options)
  }
  try {
    const heap = await steps('heap', SMALL)
    const small = await steps('disk', SMALL)
    const many = Math.round(LARGE * scale)
    const large = await steps('disk', many)
    leavePageCache(join(folder, `disk-${many}`, 'data', 'data.mdb'))
    const cold = await steps('disk', many)
    say(`recovery of ${RECOVERED * scale} open joins`)
    const recovery = await child<RecoveryResult>('join-state/recovery.ts', {
      folder: join(folder, 'recovery'),
      open: Math.round(RECOVERED * scale),
    })
    return {
      results: { heap, small, large, cold, recovery },
      bars: [
        { name: 'anonymous memory with the large state', value: large.rssAnonMiB, unit: 'MiB', atMost: 381 },
        {
          name: "a record's CPU with the large state, to that with the small one",
          value: large.cpuMicrosPerRecord / small.cpuMicrosPerRecord,
          unit: 'times',
          atMost: 1.5,
        },
        { name: 'recovery from the local state', value: recovery.localSeconds, unit: 's', atMost: 20 },
      ],
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Writes a file's pages back and lets the kernel drop them; the next process reads it from the disk. */
function leavePageCache(file: string): void {
  const { status, stderr } = spawnSync('dd', [`of=${file}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0'])
  if (status !== 0) throw new Error(`dd: ${stderr}`)
}

/**
 * The chain under every trouble that the log allows, by seed; and each of its rules taken out on purpose, which the
 * simulation must notice. FEEDLOOP_SEEDS sets a tenth of the number of seeds.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Head, StepHeader } from '../../src/log/chain/header.ts'
import { STEP_HEADER } from '../../src/log/chain/header.ts'
import type { ChainRules } from '../../src/log/chain/rules.ts'
import { chainRules } from '../../src/log/chain/rules.ts'
import type { Plan } from '../../src/log/chain/simulation/plan.ts'
import type { SimulationOptions } from '../../src/log/chain/simulation/simulate.ts'
import { simulateChain } from '../../src/log/chain/simulation/simulate.ts'
import type { Log, NewRecord } from '../../src/log/log.ts'

const seeds = 10 * Number(process.env.FEEDLOOP_SEEDS ?? 1000)
const seedsForABrokenRule = 200
/** Fewer would hang on a lucky seed. */
const leastFaults = 4

test(`${seeds} seeds: nothing lost, nothing twice, nothing believed that is not so`, async () => {
  const faults: string[] = []
  const seen = { skipped: 0, identityLost: 0 }
  for (let seed = 0; seed < seeds; seed++) {
    const { fault, skipped, identityLost } = await simulateChain(seed)
    if (fault !== null) faults.push(`seed ${seed}: ${fault}`)
    seen.skipped += skipped
    if (identityLost) seen.identityLost++
  }
  assert.deepEqual(faults, [])
  // The troubles did happen: rivals lost races, and rolled-back logs were noticed.
  assert.ok(seen.skipped > seeds, `${seen.skipped} batches skipped`)
  assert.ok(seen.identityLost > seeds / 100, `${seen.identityLost} lost logs noticed`)
})

/** Rewrites the step header of whatever is appended. */
const tampering =
  (change: (header: StepHeader) => StepHeader): SimulationOptions['tamper'] =>
  (_, records) => {
    const [first, ...rest] = records
    const bytes = first?.headers?.[STEP_HEADER]
    if (first === undefined || bytes === undefined) return records
    const header = change(JSON.parse(bytes.toString()) as StepHeader)
    return [
      { ...first, headers: { ...first.headers, [STEP_HEADER]: Buffer.from(JSON.stringify(header)) } } as NewRecord,
      ...rest,
    ]
  }

/** Acknowledges dead letters at once and stores them with the next batch of a step. */
const buriesLate = (log: Log): Log => {
  let letters: (() => Promise<unknown>)[] = []
  return {
    ...log,
    async append(topic, partition, records) {
      if (topic === 'dead-letters') {
        letters.push(() => log.append(topic, partition, records))
        return 0
      }
      const base = await log.append(topic, partition, records)
      for (const letter of letters) letter().catch(() => {})
      letters = []
      return base
    },
  }
}

const sameOffset = (header: StepHeader, head: Head | null): boolean =>
  chainRules.follows(header, head) || (header.prev !== null && header.prev.offset === head?.offset)

const rules = (broken: Partial<ChainRules>): SimulationOptions => ({ rules: { ...chainRules, ...broken } })
/** Rolled back, and grown again by a process that knows nothing of it. */
const regrown: Partial<Plan> = { rollsBack: true, regrows: true, truncates: false, grows: false, rivals: true }
const calm = { ...regrown, late: true, trouble: 0.02 }

const brokenRules: Record<string, SimulationOptions> = {
  'the reader accepts any batch': rules({ follows: () => true }),
  'a batch follows by its offset, whatever its id': { ...rules({ follows: sameOffset }), plan: regrown },
  'a batch that names another past is skipped': { ...rules({ contradicts: () => false }), plan: regrown },
  'any batch may stand where the head stood': { ...rules({ isHead: () => true }), plan: calm },
  'a log may end below what was known': {
    ...rules({ reaches: () => true }),
    plan: { ...calm, regrows: false },
  },
  'the first batch that is read anywhere is believed': rules({ witnessed: ({ head }) => head }),
  'a chain goes on with another partition count': {
    ...rules({ keepsPartitions: () => true }),
    plan: { grows: true, rollsBack: false },
  },
  'a task never looks at the log again': {
    ...rules({ watchMs: Number.POSITIVE_INFINITY }),
    plan: calm,
  },
  'a writer that was silent writes on without a look': {
    ...rules({ silentMs: Number.POSITIVE_INFINITY }),
    plan: { ...regrown, trouble: 0.02 },
  },
  'the last batch of the log is taken as the head': rules({ writersHead: (_, last) => last }),
  'the writer ignores a gap': rules({ adjacent: () => true }),
  'an append without an acknowledgement is not looked for': rules({ mayBeStored: () => false }),
  'steps without outputs are never written': { step: { progressMs: Number.POSITIVE_INFINITY } },
  'dead letters are written after the step': { log: buriesLate },
  'the overlay is committed before acceptance': {
    stage: stage => ({
      ...stage,
      step(state, inputs, tick, view) {
        const result = stage.step(state, inputs, tick, view)
        state.commit()
        return result
      },
    }),
  },
  'recovery decides again instead of reading what was emitted': {
    stage: stage => ({
      ...stage,
      fold: (state, inputs, outputs, tick) =>
        void (inputs.length > 0 || outputs.length > 0 ? stage.step(state, inputs, tick, { draw: () => 7 }) : undefined),
    }),
  },
  'the tick is not recorded': { tamper: tampering(header => ({ ...header, tick: { timeMs: 0, watermarkMs: -1 } })) },
  'quiet steps are not recorded': { tamper: tampering(({ quiet: _, ...header }) => header) },
  'unreadable records are not recorded': { tamper: tampering(({ unseen: _, ...header }) => header) },
  'positions lack the upstream head': {
    plan: regrown,
    tamper: tampering(header => ({ ...header, inputs: header.inputs.map(({ head: _, ...position }) => position) })),
  },
}

for (const [rule, options] of Object.entries(brokenRules)) {
  test(`the simulation notices when ${rule}`, async () => {
    let faults = 0
    for (let seed = 0; seed < seedsForABrokenRule && faults < leastFaults; seed++)
      if ((await simulateChain(seed, options)).fault !== null) faults++
    assert.equal(faults, leastFaults, `${faults} of ${seedsForABrokenRule} seeds found a fault`)
  })
}

test('a seed is one exact history', async () => {
  const traceOf = async (seed: number): Promise<string[]> => {
    const lines: string[] = []
    await simulateChain(seed, { trace: line => lines.push(line) })
    return lines
  }
  const first = await traceOf(5)
  assert.ok(first.length > 10)
  assert.deepEqual(await traceOf(5), first)
})

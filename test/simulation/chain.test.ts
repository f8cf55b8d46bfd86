/**
 * The chain under every trouble that the log allows, by seed; and each of its rules taken out on purpose, which the
 * simulation must notice. FEEDLOOP_SEEDS sets a tenth of the number of seeds.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StepHeader } from '../../src/log/chain/header.ts'
import { STEP_HEADER } from '../../src/log/chain/header.ts'
import { chainRules } from '../../src/log/chain/rules.ts'
import type { SimulationOptions } from '../../src/log/chain/simulation/simulate.ts'
import { simulateChain } from '../../src/log/chain/simulation/simulate.ts'
import type { NewRecord } from '../../src/log/log.ts'

const seeds = 10 * Number(process.env.FEEDLOOP_SEEDS ?? 1000)
const seedsForABrokenRule = 400

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

const brokenRules: Record<string, SimulationOptions> = {
  'the reader accepts any batch': { rules: { ...chainRules, follows: () => true } },
  'the last batch of the log is taken as the head': { rules: { ...chainRules, writersHead: (_, last) => last } },
  'the writer ignores a gap': { rules: { ...chainRules, adjacent: () => true } },
  'an append without an acknowledgement is not looked for': { rules: { ...chainRules, mayBeStored: () => false } },
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
    tamper: tampering(header => ({ ...header, inputs: header.inputs.map(({ head: _, ...position }) => position) })),
  },
  'a contradicting batch is skipped': {
    rules: { ...chainRules, contradicts: () => false, isHead: () => true, reaches: () => true },
  },
}

for (const [rule, options] of Object.entries(brokenRules)) {
  test(`the simulation notices when ${rule}`, async () => {
    for (let seed = 0; seed < seedsForABrokenRule; seed++) {
      const { fault } = await simulateChain(seed, options)
      if (fault !== null) return
    }
    assert.fail(`${seedsForABrokenRule} seeds found no fault`)
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

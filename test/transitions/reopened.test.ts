/** A joiner that comes back under other rules: what these would have written and the others did not is written then. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Transition } from '../../schemas/records.ts'
import type { Config } from '../../src/config.ts'
import type { JoinerState } from '../../src/transitions/state.ts'
import { createJoiner } from '../../src/transitions/step.ts'
import { lineOf } from './cases.ts'
import { decision, event, input, makeConfig, outcome, startRun, tick } from './make.ts'

const small = (config: Config): Config => ({ ...config, step: { ...config.step, maxBytes: 5000 } })
const all = Array.from({ length: 30 }, (_, i) => `d${i}/0#0 initial${i === 0 ? ' click+1 =1' : ' =0'}`)
const missing = (written: readonly Transition[]) => all.filter(line => !written.map(lineOf).includes(line))
const atClose = makeConfig({ learn: 'at-close' })

/** 30 decisions of which d0 has a click, 11 s, a restart, then `more` is written. */
const reopened: readonly {
  readonly name: string
  readonly before: Config
  readonly after: Config
  readonly more: (written: readonly Transition[]) => readonly string[]
}[] = [
  { name: 'nothing changed', before: atClose, after: atClose, more: missing },
  { name: 'larger batches', before: small(atClose), after: atClose, more: missing },
  { name: 'smaller batches', before: atClose, after: small(atClose), more: missing },
  {
    name: 'at close, then immediately',
    before: makeConfig({ learn: 'at-close', attributionWindowMs: 60_000 }),
    after: makeConfig(),
    more: () => all,
  },
  {
    name: 'a shorter window',
    before: makeConfig({ learn: 'at-close', attributionWindowMs: 60_000 }),
    after: makeConfig({ learn: 'at-close', attributionWindowMs: 2000 }),
    more: () => all,
  },
  { name: 'a longer window', before: makeConfig(), after: makeConfig({ attributionWindowMs: 60_000 }), more: () => [] },
  {
    name: 'a click is worth two: what is open is told',
    before: makeConfig(),
    after: makeConfig({ rewards: { click: { value: 2 } } }),
    more: () => ['d0/0#1 reward click+1 =2'],
  },
  {
    name: 'no longer a chain',
    before: makeConfig({ gamma: 0.9, sessionGapMs: 5000 }),
    after: makeConfig({ sessionGapMs: 5000 }),
    more: written =>
      written
        .filter(each => each.truncated)
        .map(each => lineOf({ ...each, revision: 2, kind: 'continuation', truncated: false })),
  },
]

for (const { name, before, after, more } of reopened)
  test(`${name}`, () => {
    const { run, take } = startRun(before)
    const many = Array.from({ length: 30 }, (_, i) => input(decision(`d${i}`, i / 30, { user_id: `u${i}` })))
    take({ tick: tick(0), inputs: [...many, input(outcome('click', 'd0', 0, { user_id: 'u0' }))] })
    take({ tick: tick(11), inputs: [input(event('view', 11))] })
    const joiner = createJoiner(after)
    const state = joiner.open(0) as JoinerState
    for (const { taken, outputs } of run.steps) {
      joiner.fold(state, taken.inputs, outputs, taken.tick)
      state.commit()
    }
    const written: Transition[] = []
    for (let seconds = 12; seconds < 900; seconds += 10)
      for (const { value } of joiner.step(state, [], tick(seconds), undefined).outputs)
        written.push(value as Transition)
    assert.deepEqual(written.map(lineOf).sort(), [...more(run.written)].sort())
  })

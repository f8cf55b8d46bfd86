/** `feedloop simulate --seed N`: one exact history, and what it says when something is wrong. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { playLoop } from '../../src/commands/simulate.ts'
import type { RankerState } from '../../src/ranker/step.ts'
import type { AnyStage } from '../../src/simulation/stages.ts'

const main = join(import.meta.dirname, '../../src/main.ts')
const simulate = (...flags: string[]) =>
  spawnSync(process.execPath, [main, 'simulate', ...flags], { encoding: 'utf8', maxBuffer: 1 << 26 })

test('the same seed is the same history, told on request; exit 0', () => {
  const [once, again] = [0, 1].map(() => simulate('--seed', '7', '--trace'))
  assert.deepEqual([once!.status, once!.stderr], [0, ''])
  assert.equal(again!.stdout, once!.stdout)
  const lines = once!.stdout.trimEnd().split('\n')
  assert.ok(lines.length > 50, `${lines.length} lines`)
  const { seed, decisions } = JSON.parse(lines.at(-1)!)
  assert.equal(seed, 7)
  assert.ok(decisions > 0)
})

test('another seed is another history, and each of several has its line', () => {
  const lines = simulate('--seed', '7', '--seeds', '2').stdout.trimEnd().split('\n')
  const [seven, eight] = lines.map(line => JSON.parse(line))
  assert.deepEqual([lines.length, seven.seed, eight.seed], [2, 7, 8])
  assert.notEqual(seven.events, eight.events)
})

test('the chain alone has its seeds too', () => {
  const { status, stdout } = simulate('--chain', '--seed', '3')
  assert.equal(status, 0)
  const { seed, accepted } = JSON.parse(stdout)
  assert.equal(seed, 3)
  assert.ok(accepted > 0)
})

test('a seed that is no number: exit 1', () => {
  const { status, stderr } = simulate('--seed', 'seven')
  assert.equal(status, 1)
  assert.match(stderr, /a whole number is needed/)
})

test('when something is wrong it tells the few acts that show it, and ends with a code', async () => {
  const forgetful = (stage: AnyStage): AnyStage => ({
    ...stage,
    async open(partition) {
      const state = (await stage.open(partition)) as RankerState
      return { ...state, decidedIds: { ...state.decidedIds, has: () => false } }
    },
  })
  const lines: string[] = []
  const stage = (one: AnyStage): AnyStage => (one.name === 'ranker' ? forgetful(one) : one)
  await assert.rejects(
    playLoop({ seed: 0, seeds: 1 }, line => lines.push(line), { stage }),
    { code: 'SIMULATION_FAULT' },
  )
  assert.match(lines[0]!, /^seed 0: request \S+ was decided twice$/)
  assert.match(lines[1]!, /^\d+ acts, of which these, .* are enough:$/)
  assert.match(lines[2]!, / ask /)
  assert.equal(lines[3], 'their history:')
  assert.ok(lines.length > 10)
})

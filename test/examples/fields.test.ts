/** Each field's example configuration runs the loop's own steps on a small population of that field, and learns from it. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { loadConfig } from '../../src/config.ts'
import { shareOfGap } from '../../src/environments/environment.ts'
import { play } from '../../src/evaluation/bakeoff/play.ts'
import { createField, fields, worthOf } from './people.ts'

const folder = fileURLToPath(new URL('../../examples/', import.meta.url))
const DECISIONS = 6000

test('every field has an example with its README, and a population here', () => {
  const described = globSync('*/README.md', { cwd: folder }).map(file => basename(dirname(file)))
  assert.deepEqual(described.sort(), Object.keys(fields).sort())
})

for (const [name, field] of Object.entries(fields))
  describe(name, () => {
    const config = loadConfig(join(folder, name, 'feedloop.yaml'), {})
    const { rewards } = config.policies[0]
    const worth = (type: string, value: number): number => {
      const { weight, value: one } = rewards[type]
      return weight * (one === 'value' ? value : one)
    }
    test('what people do has a reward, and every guard a price', () => {
      for (const type of [...Object.keys(field.suited), ...Object.keys(field.other)]) assert.ok(rewards[type], type)
      for (const guard of field.guards) assert.ok(worth(guard, 1) < 0, guard)
    })
    test('the README says what the words mean here', () => {
      const text = readFileSync(join(folder, name, 'README.md'), 'utf8')
      for (const part of ['State', 'Action', 'Reward', 'Guards', 'Safety limits'])
        assert.match(text, new RegExp(`\\*\\*${part}`))
    })
    test('the loop finds what suits whom, and the guards fall', () => {
      const world = createField(name, field, worth)
      const { rewards: earned } = play({ environment: world, config, decisions: DECISIONS, seed: 1 })
      const tenth = DECISIONS / 10
      const mean = (values: ArrayLike<number>) => Array.from(values).reduce((sum, x) => sum + x, 0) / values.length
      const late = shareOfGap(mean(earned.subarray(-3 * tenth)), world.rates())
      assert.ok(late > 0.5, `${late} of the way from random to the best`)
      const guards = (type: string): number => (field.guards.includes(type) ? 1 : 0)
      const [suited, other] = [worthOf(field.suited, guards), worthOf(field.other, guards)]
      const random = other + (suited - other) / field.items.length
      const lately = mean(world.guarded.slice(-3 * tenth))
      assert.ok(lately < 0.8 * random, `guards: ${lately} a decision, ${random} by random choice`)
    })
  })

/** What is not saved yet, against a model: after any history the floor is right, and a state on disk knows what it owes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createSaving, type Saving } from '../../src/ranker/saving.ts'
import { heapTables } from '../../src/ranker/state.ts'
import { pointAt } from '../state/point.ts'

const key = fc.constantFrom('a', 'b', 'c', 'd', 'e')
const operation = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('step' as const), keys: fc.uniqueArray(key, { maxLength: 3 }) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('take' as const, 'saved' as const, 'failed' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('restart' as const, 'wait' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('erase' as const), keys: fc.uniqueArray(key, { maxLength: 2 }) }),
  },
)

test('all that changed up to the floor is saved, and nothing that changed is forgotten', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60 }), operations => {
      const { tables, commit } = heapTables()
      let offset = 0
      let nowMs = 0
      let saving: Saving = createSaving(tables.unsaved, null, nowMs)
      /** By key: its last change, and the last step that the log has of it. */
      const changed = new Map<string, number>()
      const saved = new Map<string, number>()
      let taken: { readonly keys: readonly string[]; readonly at: number } | null = null
      const check = () => {
        const floor = saving.floor()?.head.offset ?? 0
        const owed = [...changed].filter(([each, at]) => (saved.get(each) ?? 0) < at)
        // A key counts as saved up to the step of its snapshot: what changed later is above the floor.
        for (const [each, at] of owed) {
          const since = (saved.get(each) ?? 0) + 1
          assert.ok(floor < at, `${each}, changed at ${at}, saved before ${since}, floor ${floor}`)
        }
        if (taken === null) assert.ok(saving.size >= owed.length)
      }
      for (const each of operations) {
        if (each.do === 'step') {
          offset++
          for (const name of each.keys) changed.set(name, offset)
          saving.changed(each.keys, pointAt(offset), { atMs: nowMs, reached: 0 })
          commit()
        } else if (each.do === 'take' && taken === null) {
          const keys = saving.take(0, 2, nowMs)
          if (keys.length > 0) taken = { keys, at: offset }
        } else if (each.do === 'saved' || each.do === 'failed') {
          const ok = each.do === 'saved'
          // Of two snapshots of a key the one of the later step counts.
          if (taken !== null && ok)
            for (const name of taken.keys) saved.set(name, Math.max(taken.at, saved.get(name) ?? 0))
          saving.settle(ok)
          taken = null
        } else if (each.do === 'erase') {
          saving.erase(each.keys)()
          for (const name of each.keys) saved.set(name, offset)
        } else if (each.do === 'wait') nowMs += 700
        else if (each.do === 'restart') {
          taken = null
          saving = createSaving(tables.unsaved, offset > 0 ? pointAt(offset) : null, nowMs)
        }
        check()
      }
      saving.settle(true)
      for (let group = 0; group <= offset; group++) {
        saving.take(0, 100, nowMs)
        saving.settle(true)
      }
      assert.equal(saving.floor()?.head.offset ?? 0, offset)
      saving.changed([], pointAt(++offset), { atMs: nowMs, reached: 0 })
      commit()
      assert.equal(tables.unsaved.size, 0)
    }),
    { numRuns: 500 },
  )
})

test('what is erased is in no row after the next step', () => {
  const { tables, commit } = heapTables()
  const saving = createSaving(tables.unsaved, null, 0)
  const step = (keys: readonly string[], offset: number) => {
    saving.changed(keys, pointAt(offset), { atMs: 0, reached: 0 })
    commit()
  }
  step(['ann', 'bob'], 1)
  const done = saving.erase(['ann'])
  step(['ann'], 2)
  done()
  step([], 3)
  const rows = [...tables.unsaved.range('', '~')].map(([, { keys }]) => keys)
  assert.deepEqual(rows, [['bob'], ['ann']])
})

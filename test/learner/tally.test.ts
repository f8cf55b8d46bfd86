import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countsOf, none, plus, unlearned } from '../../src/learner/tally.ts'

const first = { learned: 3, refused: { slate: 1 }, stats: { loss: 2, buffer: 3 } }
const second = {
  learned: 2,
  refused: { slate: 1, late_unlearned: 2 },
  dropped: { stale: 4, evicted: 0 },
  stats: { loss: 1 },
}

test('counts add up, of statistics the later ones stand', () => {
  assert.deepEqual(plus(plus(none, first), second), {
    learned: 5,
    refused: { slate: 2, late_unlearned: 2 },
    dropped: { stale: 4 },
    stats: { loss: 1, buffer: 3 },
  })
})

test('each revision has one result; what was dropped later, having been taken, has a reason and no second result', () => {
  const counts = countsOf('p', plus(first, second))
  const of = (metric: string, label: string) =>
    Object.fromEntries(
      counts.flatMap(each =>
        each.metric === metric ? [[(each.labels as Readonly<Record<string, string>>)[label], each.value]] : [],
      ),
    )
  assert.deepEqual(of('feedloop_learned_total', 'result'), { learned: 5, refused: 2, late_unlearned: 2 })
  const reasons = { slate: 2, late_unlearned: 2, stale: 4 }
  assert.deepEqual(of('feedloop_learner_refused_total', 'reason'), reasons)
  assert.deepEqual(unlearned(plus(first, second)), reasons)
})

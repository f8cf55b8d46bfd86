import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import type { ModelVersion } from '../../schemas/records.ts'
import { isCode } from '../../src/errors.ts'
import { createWire } from '../../src/log/wire/create.ts'
import { holdsTraining, readTraining, type Settings, saveTraining } from '../../src/training/folder.ts'
import { hasConverged, isReached, parseGoal } from '../../src/training/goal.ts'
import { plotCurve } from '../../src/training/plot.ts'
import { bestOf, curveOf, type Point, train } from '../../src/training/train.ts'
import type { Trainer } from '../../src/training/trainer.ts'
import { versionOf } from '../learner/examples.ts'

const point = (decisions: number, height: number | null, version = String(decisions)): Point => ({
  decisions,
  reward: 0.5,
  sessionReturn: height,
  sessions: 1,
  stats: {},
  refused: {},
  return: height,
  share: null,
  version,
})

describe('goals', () => {
  test('read as they are written', () => {
    assert.deepEqual(parseGoal('reward>=0.5'), { measure: 'reward', least: 0.5 })
    assert.deepEqual(parseGoal(' share >= -1e-2 '), { measure: 'share', least: -0.01 })
    for (const wrong of ['reward', 'reward>0.5', 'loss>=1', 'reward>=', 'reward>=x', '>=1', 'reward>=Infinity'])
      assert.equal(parseGoal(wrong), undefined, wrong)
  })
  test('reached at the mark, never by what is not there', () => {
    const goal = { measure: 'return', least: 2 } as const
    assert.equal(isReached(goal, point(1, 2)), true)
    assert.equal(isReached(goal, point(1, 1.99)), false)
    assert.equal(isReached({ measure: 'return', least: -1 }, point(1, null)), false)
  })
  test('a curve has converged when the last points are no higher than those before', () => {
    const patience = { points: 3, least: 0.01 }
    assert.equal(hasConverged([9, 9, 9, 9, 9], patience), false, 'too few')
    assert.equal(hasConverged([1, 2, 3, 4, 5, 6], patience), false)
    assert.equal(hasConverged([1, 5, 5, 5, 5, 5, 5], patience), true)
    assert.equal(hasConverged([5, 5, 5, 5.1, 5.1, 5.1], patience), false)
    assert.equal(hasConverged([5, 5, 5, 5.04, 5.04, 5.04], patience), true)
    assert.equal(hasConverged([5, 6, 7, 3, 2, 1], patience), true, 'falls')
    assert.equal(hasConverged([-5, -5, -5, -4, -4, -4], patience), false, 'below zero, too')
  })
})

/** Whose return is `height` of the decisions so far; a world of `last` decisions. */
function rising(height: (decisions: number) => number | null, last = Number.POSITIVE_INFINITY): Trainer {
  let decisions = 0
  return {
    policy: null,
    model: undefined,
    get progress() {
      return { decisions, version: 0, session: 0, round: 0 }
    },
    run(wanted) {
      decisions = Math.min(last, decisions + wanted)
      const { version: _v, share: _s, return: _r, ...stretch } = point(decisions, height(decisions))
      return stretch
    },
  }
}

describe('training', () => {
  const measure = (stretch: { reward: number | null; sessionReturn: number | null }) => ({
    reward: stretch.reward,
    return: stretch.sessionReturn,
    share: null,
  })
  const options = { measure, every: 10, steps: 200 }
  test('ends at the goal, where nothing rises, when the steps or the world are over, or when it is told to', async () => {
    const goal = { measure: 'return', least: 45 } as const
    const patience = { points: 2, least: 0.01 }
    const cases = [
      [{ ...options, trainer: rising(n => n), goal }, 'reached', 50],
      [{ ...options, trainer: rising(n => Math.min(n, 30)), patience }, 'converged', 60],
      [{ ...options, trainer: rising(n => n), patience }, 'steps', 200],
      [{ ...options, trainer: rising(n => n, 35), goal }, 'over', 35],
      [{ ...options, trainer: rising(n => n), stopped: () => true }, 'stopped', 10],
    ] as const
    for (const [each, ending, decisions] of cases) {
      const told: Point[] = []
      const result = await train({ ...each, onPoint: made => told.push(made) })
      assert.deepEqual([result.ending, result.points.at(-1)!.decisions], [ending, decisions])
      assert.deepEqual(told, result.points)
    }
  })
  test('the curve goes on from the points of before', async () => {
    const points = [point(5, 1)]
    const result = await train({ ...options, steps: 20, trainer: rising(n => n), points })
    assert.deepEqual(
      result.points.map(({ decisions }) => decisions),
      [5, 10, 20],
    )
  })
  test('the best is the highest that has a version', () => {
    assert.equal(bestOf([point(1, 9, ''), point(2, 3), point(3, 4), point(4, 4)])!.decisions, 3)
    assert.equal(bestOf([]), undefined)
  })
  test('of what nothing is known the last is the best, and nothing converges', async () => {
    const unknown = (decisions: number): Point => ({ ...point(decisions, null), reward: null })
    assert.equal(bestOf([unknown(1), unknown(2), { ...unknown(3), version: '' }])!.decisions, 2)
    assert.equal(bestOf([unknown(1), { ...unknown(2), reward: -1 }, unknown(3)])!.decisions, 2)
    const measure = () => ({ reward: null, return: null, share: null })
    const patience = { points: 2, least: 0.01 }
    assert.equal((await train({ ...options, measure, patience, trainer: rising(() => null) })).ending, 'steps')
    assert.doesNotMatch(plotCurve(curveOf('', [unknown(1), unknown(2)])), /NaN|Infinity/)
  })
  test('a reward is never held against a return', async () => {
    assert.equal(bestOf([point(1, null), point(2, -4), point(3, -3)])!.decisions, 3)
    assert.equal(bestOf([point(1, null), point(2, null)])!.decisions, 1)
    // before a session ended the reward is .5, which no return of -3 .. -1 rises from
    const trainer = rising(n => (n <= 20 ? null : -3 + n / 50))
    const patience = { points: 2, least: 0.01 }
    assert.equal((await train({ ...options, steps: 100, patience, trainer })).ending, 'steps')
  })
})

describe('the folder', () => {
  const folder = mkdtempSync(join(tmpdir(), 'training-'))
  after(() => rmSync(folder, { recursive: true }))
  const settings: Settings = {
    environment: 'long-term',
    seed: 1,
    sessions: 2,
    learnEvery: 3,
    every: 4,
    config: { policies: [{ gamma: 0.5 }] },
  }
  const modelOf = (version: string): ModelVersion =>
    versionOf({ baseVersion: null, parameters: { steps: Number(version) }, tensors: [] }, { version })
  test('keeps the last version and the best, and gives back what it was given', async () => {
    const wire = await createWire({ prefix: '' })
    assert.equal(holdsTraining(folder), false)
    assert.throws(
      () => readTraining(folder, wire),
      error => isCode(error, 'DATA_MISSING'),
    )
    const progress = { decisions: 7, version: 3, session: 2, round: 9 }
    for (const [version, best] of [
      ['1', '1'],
      ['2', '2'],
      ['3', '2'],
    ])
      saveTraining(
        folder,
        wire,
        { settings, progress, points: [point(7, 1)] },
        { model: modelOf(version), best, plot: '<svg/>' },
      )
    assert.deepEqual(readdirSync(folder).sort(), ['curve.svg', 'training.json', 'version-2.avro', 'version-3.avro'])
    const { model, ...kept } = readTraining(folder, wire)
    assert.deepEqual(kept, {
      settings,
      progress,
      last: 'version-3.avro',
      best: 'version-2.avro',
      points: [point(7, 1)],
    })
    assert.deepEqual(model, modelOf('3'))
    assert.equal(readFileSync(join(folder, 'curve.svg'), 'utf8'), '<svg/>')
  })
})

describe('the plot', () => {
  const svg = plotCurve({
    title: 'a < b & c',
    x: { label: 'decisions', values: [0, 500, 1000] },
    y: { label: 'return', values: [1, 4, 2] },
    marks: [{ name: 'optimum', value: 5 }],
  })
  test('the line goes through the points, the highest mark is on top, words are escaped', () => {
    const [, points] = /<polyline points="([^"]+)"/.exec(svg)!
    const places = points.split(' ').map(pair => pair.split(',').map(Number))
    assert.deepEqual(
      places.map(([x]) => x),
      [72, 348, 624],
    )
    assert.deepEqual(
      places.map(([, y]) => y),
      [344, 122, 270],
    )
    assert.match(svg, /y1="48" y2="48" stroke="#555555"/)
    assert.ok(svg.includes('a &lt; b &amp; c') && !svg.includes('a < b'))
  })
  test('what is known of an estimate is a band around it, and a note', () => {
    const certain = (decisions: number, standardError: number, effectiveSamples: number): Point => ({
      ...point(decisions, null),
      estimate: { standardError, effectiveSamples },
    })
    const drawn = plotCurve(curveOf('', [certain(10, 0.5, 3.2), certain(20, 0.25, 40)]))
    const [, points] = /<polygon points="([^"]+)"/.exec(drawn)!
    const heights = points.split(' ').map(pair => Number(pair.split(',')[1]))
    // from .5 - .5 to .5 + .5, from .5 - .25 to .5 + .25
    assert.deepEqual(heights, [344, 270, 122, 48])
    assert.match(drawn, /± a standard error; effective sample size 3 to 40</)
    assert.doesNotMatch(plotCurve(curveOf('', [point(1, 3)])), /<polygon|±/)
  })
  test('a flat curve and one of a single point are drawn, too', () => {
    for (const values of [[3], [3, 3]])
      assert.doesNotMatch(
        plotCurve({
          title: '',
          x: { label: '', values: values.map((_, i) => i) },
          y: { label: '', values },
          marks: [],
        }),
        /NaN|Infinity/,
      )
  })
})

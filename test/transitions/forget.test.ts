import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { BehaviorEvent, Recommendation } from '../../schemas/records.ts'
import { forgetEvent } from '../../src/events/forget.ts'
import type { JoinerState } from '../../src/transitions/state.ts'
import { createJoiner } from '../../src/transitions/step.ts'
import { lineOf } from './cases.ts'
import { history } from './histories.ts'
import { at, decision, event, input, makeConfig, outcome, startRun, tick } from './make.ts'

const tables = ['joins', 'sessions', 'touches', 'waiting', 'seen', 'pages', 'buckets', 'clock'] as const
const dump = (state: JoinerState) => JSON.stringify(tables.map(name => [...state[name].range('', '\uffff')]))
const forget = (user: string, seconds: number) => forgetEvent(user, `f${seconds}`, at(seconds))
const chained = makeConfig({ gamma: 0.9 })
const anna = { user_id: 'anna' }

test('after it no table holds the user, and nothing more is written', () => {
  const { run, take } = startRun(chained)
  take({
    tick: tick(3),
    inputs: [
      decision('d1', 0, anna),
      decision('d2', 1, { ...anna, deferred: true }),
      decision('d3', 2, { ...anna, reason: 'expired', items: [] }),
      decision('d4', 2, { ...anna, items: [], session_id: 'other' }),
      outcome('click', 'nowhere', 2, anna),
      event('click', 2, { ...anna, item_id: 'a' }),
      event('click', 2, { ...anna, item_id: 'b' }),
      event('leave', 2, { ...anna, session_id: 'gone' }),
      decision('x1', 0, { user_id: 'annabel' }),
    ].map(input),
  })
  const before = run.written.length
  assert.match(dump(run.state), /anna\W/)
  take({ tick: tick(4), inputs: [input(forget('anna', 4))] })
  assert.doesNotMatch(dump(run.state), /anna(?!bel)/)
  assert.match(dump(run.state), /annabel/)
  assert.deepEqual([run.counts.forgotten, run.written.length], [4 + 2, before])
  take({ tick: tick(3000), inputs: [] })
  assert.deepEqual(run.written.slice(before).map(lineOf), ['x1/0#1 close =0 truncated'], 'only the other one goes on')
  assert.deepEqual(run.refused, [])
})

test('what comes after it starts afresh', () => {
  const { run, take } = startRun(chained)
  const again = outcome('click', 'd1', 1)
  take({ tick: tick(1), inputs: [decision('d1', 0), again].map(input) })
  take({ tick: tick(2), inputs: [input(forget('u', 2))] })
  take({ tick: tick(3), inputs: [decision('d2', 3), again, outcome('click', 'd2', 3)].map(input) })
  assert.deepEqual(run.written.map(lineOf), ['d1/0#0 initial click+1 =1', 'd2/0#0 initial click+1 =1'])
  assert.equal(run.counts.duplicate, 1, 'an event that was known is still known')
  take({ tick: tick(4), inputs: [input(outcome('click', 'd1', 4))] })
  take({ tick: tick(5000), inputs: [] })
  assert.deepEqual(
    run.refused.map(each => each.code),
    ['OUTCOME_ORPHAN'],
  )
})

test('a reserved type that is none, or says more, is refused', () => {
  const { run, take } = startRun(makeConfig())
  const bad = [event('$forgot', 1), event('$forget', 1, { item_id: 'a' }), event('$forget', 1, { decision_id: 'd' })]
  take({ tick: tick(1), inputs: bad.map(input) })
  assert.deepEqual(
    run.refused.map(each => each.code),
    ['RECORD_INVALID', 'RECORD_INVALID', 'RECORD_INVALID'],
  )
})

test('any history, any moment: nothing of the user stays, others are not touched, and a rebuild forgets again', () => {
  fc.assert(
    fc.property(history, fc.nat(), ({ config, decisions, events }, moment) => {
      const named = <T extends BehaviorEvent | Recommendation>(record: T): T => ({
        ...record,
        user_id: record.user_id === 'u' ? 'user-u' : 'user-v',
      })
      const records = [...decisions, ...events].map(named)
      const cut = moment % (records.length + 1)
      const joiner = createJoiner(config)
      const [stepped, folded, without] = [0, 1, 2].map(() => joiner.open(0) as JoinerState)
      const take = (all: readonly (BehaviorEvent | Recommendation)[], seconds: number) => {
        const inputs = all.map(input)
        const { outputs } = joiner.step(stepped, inputs, tick(seconds, 0), undefined)
        joiner.fold(folded, inputs, outputs, tick(seconds, 0))
        const others = inputs.filter(each => (each.value as BehaviorEvent).user_id === 'user-v')
        return { outputs, others: joiner.step(without, others, tick(seconds, 0), undefined).outputs }
      }
      take(records.slice(0, cut), 200)
      take([forget('user-u', 201)], 201)
      assert.doesNotMatch(dump(stepped), /user-u/)
      assert.equal(dump(folded), dump(stepped))
      const late = take(records.slice(cut), 202)
      const end = take([], 5000)
      const written = (outputs: typeof late.outputs) =>
        outputs.map(({ value }) => value as never).filter((each: { user_id: string }) => each.user_id === 'user-v')
      assert.deepEqual(written(late.outputs), written(late.others))
      assert.deepEqual(written(end.outputs), written(end.others))
    }),
    { numRuns: Math.ceil(Number(process.env.FEEDLOOP_RUNS ?? 5000) / 5) },
  )
})

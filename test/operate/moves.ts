/** A loop that is moved to more partitions, then to fewer, the same on every log. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Transition } from '../../schemas/records.ts'
import { startDrive } from '../../src/environments/drive.ts'
import { openEnvironment } from '../../src/environments/open.ts'
import { publishWorld } from '../../src/environments/publish.ts'
import { readChain } from '../../src/evaluation/audit/read.ts'
import { audit } from '../../src/evaluation/audit.ts'
import type { Log } from '../../src/log/log.ts'
import { forgetUser } from '../../src/operate/forget.ts'
import { repartition } from '../../src/operate/repartition.ts'
import { startServices, stopServices } from '../../src/operate/run.ts'
import { did, type Live, openLive, request } from './live.ts'

const sourceOf = ({ context: { log, wire, config } }: Live) => ({ log, wire, config, prefix: config.topics.prefix })

async function transitionsOf(loop: Live): Promise<Transition[]> {
  const all: Transition[] = []
  for (let p = 0; p < loop.context.config.topics.partitions; p++)
    await readChain(sourceOf(loop), 'transitions', p, ({ value }) => {
      all.push(loop.context.wire.decode('transitions', value!) as Transition)
    })
  return all
}

/** Nothing is lost or learned twice, late outcomes still find their decisions, and old tasks stop. */
export async function checkMoves(t: TestContext, log: Log): Promise<void> {
  const environment = openEnvironment('recogym')
  const first = await openLive(t, environment.preset, log)
  const { wire } = first.context
  const from = first.context.config.topics.prefix
  await publishWorld({ environment, log, wire, prefix: from })
  await first.start()
  const drive = await startDrive({ environment, log, wire, prefix: from, seed: 9, sessions: 16 })
  await sleep(2500)
  await drive.stop()
  await first.settled()
  // one person is forgotten and comes back
  const gone = (await first.decisions()).filter(({ user_id }, _, [{ user_id: anna }]) => user_id === anna)
  const anna = gone[0]!.user_id
  await forgetUser(first.context, anna, 30_000)
  await first.append('requests', anna, request(anna, { request_id: 'back', session_id: gone[0]!.session_id }))
  await first.settled()
  const isKept = ({ decision_id: id }: { decision_id: string }) => gone.every(each => each.decision_id !== id)
  const before = { decisions: (await first.decisions()).filter(isKept) }
  assert.ok(before.decisions.length > 100)

  // with the services still there: they are sealed
  const moves = [
    { partitions: 5, to: `${from}five.` },
    { partitions: 1, to: `${from}one.` },
  ]
  let old = first
  for (const { partitions, to } of moves) {
    const moved = await repartition(old.context, { partitions, to, timeoutMs: 30_000 })
    const [kept, learned] = [(await old.decisions()).filter(isKept), (await transitionsOf(old)).filter(isKept)]
    assert.equal(moved.leftOut, 0)
    assert.equal(moved.decisions, kept.length)
    assert.equal(moved.forgotten, old === first ? gone.length : 0)
    await old.stop()
    assert.deepEqual(await startsOf(old), new Array(4).fill('PARTITION_COUNT_CHANGED sealed'))

    const next = await openLive(t, { ...environment.preset, topics: { prefix: to, partitions } }, log)
    assert.deepEqual((await audit(sourceOf(next))).differences, [], 'balanced before anything runs')
    await next.start()
    await next.settled()
    const unchanged = await transitionsOf(next)
    assert.equal(unchanged.length, learned.length, 'recovery emits nothing')

    // outcomes of decisions from before the move, and a session that goes on
    const late = before.decisions.filter(each => each.slots.length > 0).slice(0, 40)
    for (const { user_id, decision_id } of late)
      await next.append('events', user_id, did(user_id, 'click', { decision_id, slot: 0 }))
    for (const { decision_id } of [gone[0]!, { decision_id: 'back' }])
      await next.append('events', anna, did(anna, 'click', { decision_id, slot: 0 }))
    const { user_id, session_id } = before.decisions.at(-1)!
    await next.append('requests', user_id, request(user_id, { session_id }))
    await next.append('requests', user_id, request(user_id, { request_id: before.decisions.at(-1)!.decision_id }))
    await next.settled()
    const corrections = (await transitionsOf(next)).slice(0).filter(each => !unchanged.some(one => isSame(one, each)))
    const touched = new Set(corrections.filter(each => each.revision > 0).map(each => each.decision_id))
    for (const { decision_id } of late) assert.ok(touched.has(decision_id), `${decision_id} was corrected`)
    assert.ok(touched.has('back'), 'what came after the erasure is as any other')
    assert.ok((await transitionsOf(next)).every(isKept), 'what came before stays forgotten')
    const decided = await next.decisions()
    assert.equal(decided.length, kept.length + 1, 'one new decision, none again')
    const back = decided.find(each => each.decision_id === 'back')!
    assert.deepEqual([back.state.history, back.previous_decision_id], [[], null])
    assert.ok(decided.some(each => each.user_id === user_id && each.previous_decision_id !== null))

    const report = await audit(sourceOf(next))
    assert.deepEqual(report.differences, [])
    assert.equal(report.decisions.total, decided.length)
    assert.equal(report.model.transitionsContained, report.model.transitionsCounted)
    assert.equal(report.transitions.revisions, (await transitionsOf(next)).length)
    old = next
  }
}

const isSame = (a: Transition, b: Transition): boolean =>
  a.transition_id === b.transition_id && a.revision === b.revision

/** Starts each stage and waits for it to end. */
async function startsOf({ context }: Live): Promise<string[]> {
  const codes: string[] = []
  for (const stage of ['ranker', 'joiner', 'learner', 'gate'] as const) {
    const running = await startServices(context, [stage])
    const ended = Promise.all(running.map(service => service.done)).then(
      () => 'ended well',
      error => `${error.code}${/sealed/.test(error.message) ? ' sealed' : ''}`,
    )
    codes.push(await Promise.race([ended, sleep(10_000, 'runs')]))
    await stopServices(running).catch(() => {})
  }
  return codes
}

/** What a chain says of a kept step that retention has cut off. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeHeader, type Head, STEP_HEADER, type StepHeader } from '../../../src/log/chain/header.ts'
import { realRim } from '../../../src/log/chain/rim.ts'
import { chainRules } from '../../../src/log/chain/rules.ts'
import { begin } from '../../../src/log/chain/snapshot.ts'
import { openEmbeddedLog } from '../../../src/log/embedded/embedded.ts'
import type { StageState } from '../../../src/stage.ts'

const at = { topic: 'chain', partition: 0 }
const idOf = (name: string): string => Buffer.from(name.padStart(8, '.')).toString('hex')

/** A batch of two records by its name, the offset and name of the one before it, and its epoch. */
type Step = readonly [name: string, prev: readonly [number, string] | null, epoch?: number]

const headerOf = ([name, prev, epoch = 0]: Step): StepHeader => ({
  version: 1,
  id: idOf(name),
  prev: prev && { offset: prev[0], id: idOf(prev[1]) },
  epoch,
  inputs: [{ topic: 'events', partition: 0, next: 7 }],
  tick: { timeMs: 1, watermarkMs: -1 },
  count: 2,
  outputs: 2,
  partitions: 1,
})

const honest: readonly Step[] = [
  ['a', null],
  ['b', [0, 'a']],
  ['c', [2, 'b']],
  ['d', [4, 'c']],
  ['e', [6, 'd']],
]
/** As `honest`, but for what stands from `c` on. */
const lostC: readonly Step[] = [honest[0]!, honest[1]!, ['x', [2, 'b']], ['y', [4, 'x']], ['z', [6, 'y']]]
const adopted: readonly Step[] = [...honest.slice(0, 4), ['e', null, 9], ['f', [8, 'e'], 9]]

interface Case {
  readonly steps: readonly Step[]
  /** First offset that the log still has. */
  readonly earliest: number
  /** The kept step. */
  readonly kept: Head
  /** Batches that recovery goes on with; null: the chain contradicts the step. */
  readonly ahead: string | null
  readonly gap?: boolean
  /** Not for a state that the topics can replace. */
  readonly dropped?: boolean
  readonly anchored?: boolean
}
const kept = (offset: number, name: string): Head => ({ offset, id: idOf(name) })

const cases: Record<string, Case> = {
  'the step stands, the one before it is gone': { steps: honest, earliest: 4, kept: kept(4, 'c'), ahead: 'de' },
  'another stands at its place, the one before it is gone': {
    steps: lostC,
    earliest: 4,
    kept: kept(4, 'c'),
    ahead: null,
  },
  'the log begins with the next step': { steps: honest, earliest: 4, kept: kept(2, 'b'), ahead: 'cde', dropped: true },
  'it begins with the next step, which is alone': {
    steps: honest.slice(0, 3),
    earliest: 4,
    kept: kept(2, 'b'),
    ahead: 'c',
    dropped: true,
  },
  'it ends with the step, and nothing is left': {
    steps: honest.slice(0, 2),
    earliest: 4,
    kept: kept(2, 'b'),
    ahead: '',
    dropped: true,
  },
  'steps between are gone': { steps: honest, earliest: 6, kept: kept(0, 'a'), ahead: 'de', gap: true, dropped: true },
  'steps between are gone, and the next one is alone': {
    steps: honest,
    earliest: 8,
    kept: kept(0, 'a'),
    ahead: '',
    gap: true,
    dropped: true,
    anchored: false,
  },
  'steps after it are gone, and nothing is left': {
    steps: honest,
    earliest: 10,
    kept: kept(2, 'b'),
    ahead: '',
    gap: true,
    dropped: true,
    anchored: false,
  },
  'an epoch begins after it': {
    steps: adopted,
    earliest: 8,
    kept: kept(2, 'b'),
    ahead: 'ef',
    gap: true,
    dropped: true,
  },
  'the log ends before the step does': { steps: honest.slice(0, 2), earliest: 4, kept: kept(3, 'b'), ahead: null },
  'the first step follows one from before it': {
    steps: [...honest.slice(0, 3), ['x', [2, 'b']], ['y', [6, 'x']]],
    earliest: 6,
    kept: kept(4, 'c'),
    ahead: null,
  },
  'the first step follows another at its place': { steps: lostC, earliest: 6, kept: kept(4, 'c'), ahead: null },
}

for (const [
  name,
  { steps, earliest, kept: head, ahead, gap = false, dropped = false, anchored = true },
] of Object.entries(cases))
  test(name, async () => {
    const log = openEmbeddedLog()
    await log.createTopics([{ topic: at.topic, partitions: 1, replicationFactor: 1, config: {} }])
    for (const step of steps) {
      const headers = { [STEP_HEADER]: encodeHeader(headerOf(step)) }
      await log.append(at.topic, 0, [
        { key: null, value: Buffer.from('1'), headers },
        { key: null, value: Buffer.from('2') },
      ])
    }
    log.truncateFront(at.topic, 0, earliest)
    const step = steps.find(([each]) => idOf(each) === head.id) ?? (['c', [2, 'b']] as const)
    const io = { log, rim: realRim(), rules: chainRules }
    const beginWith = async (outlives: boolean) => {
      const resets: string[] = []
      const state: StageState = {
        openedAt: { head, header: headerOf(step) },
        outlives,
        commit() {},
        reset: async reason => void resets.push(reason),
      }
      const found = await begin(io, at, { state, from: null, hasInputs: async () => true })
      return { found, resets }
    }
    const { found, resets } = await beginWith(true)
    assert.deepEqual(resets, ahead === null ? ['not_in_chain'] : [])
    assert.equal(found.point === null, ahead === null)
    if (ahead !== null) {
      const names = found.ahead.map(batch => Buffer.from(batch.header.id, 'hex').toString().replaceAll('.', ''))
      while (!found.own.atEnd)
        for (const batch of await found.own.poll())
          names.push(Buffer.from(batch.header.id, 'hex').toString().replaceAll('.', ''))
      assert.deepEqual([names.join(''), found.gap, found.own.reader.anchored], [ahead, gap, anchored])
    }
    assert.equal((await beginWith(false)).resets.length, dropped || ahead === null ? 1 : 0)
    await log.close()
  })

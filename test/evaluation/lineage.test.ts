/** Which transitions a policy's versions are to have learned: steps of one partition of `models` in, verdicts out. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { openLedger } from '../../src/evaluation/audit/ledger.ts'
import { createBook, noteStep, type Step } from '../../src/evaluation/audit/lineage.ts'
import { auditModel, countContained, openAccount } from '../../src/evaluation/audit/models.ts'

/** A version of this policy that says to have learned so many, by a step that came so far in each partition of `transitions`. */
interface Version {
  readonly of: string
  readonly learned: number
  readonly next: readonly number[]
  /** The version before it is none. */
  readonly first?: true
  /** The version before it is none that is left. */
  readonly goesOn?: true
  /** Where it is contained, if not as far as its step came. */
  readonly contains?: readonly (number | undefined)[]
}

/** A step without a version: the first of a chain that was moved, an adoption. */
interface Bare {
  readonly only: 'moved' | 'adopted'
  readonly next: readonly number[]
}

interface Case {
  readonly title: string
  readonly steps: readonly (Version | Bare)[]
  /** The first steps are gone. */
  readonly expired?: true
  /** Other's batches, none of them accepted, stand before the first step. */
  readonly debris?: true
  /** Accepted transitions by partition: offsets from 0, or from the first that is left. */
  readonly transitions: readonly (number | readonly [from: number, to: number])[]
  /** `[expected, found]` of each difference. */
  readonly differs?: readonly (readonly [number, number])[]
  /** Contained, counted, unjudged; absent: not looked at. */
  readonly sums?: readonly [number, number, number]
}

const head = (index: number, begins = 0) => ({ offset: begins + 10 * index, id: String(index).padStart(16, '0') })

function stepOf(step: Version | Bare, index: number, begins: number): Step {
  const inputs = step.next.map((next, partition) => ({ topic: 'transitions', partition, next }))
  const isAdopted = 'only' in step && step.only === 'adopted'
  const isFirst = index === 0 || isAdopted
  const header = {
    version: 1,
    id: head(index).id,
    prev: isFirst ? null : head(index - 1, begins),
    epoch: isAdopted ? 1 : 0,
    inputs,
    ...(index === 0 && !isAdopted && { from: inputs.map(() => 0) }),
    tick: { timeMs: 0, watermarkMs: 0 },
    count: 1,
    outputs: 'of' in step ? 1 : 0,
    partitions: 1,
  } as const
  return { head: head(index, begins), header }
}

function judged({ steps, expired, debris, transitions }: Case) {
  const book = createBook()
  const numbers = new Map<string, number>()
  for (const [index, step] of steps.entries()) {
    const at = stepOf(step, expired ? index + 5 : index, debris ? 7 : 0)
    if (!('of' in step)) {
      noteStep(book, at)
      continue
    }
    const before = step.first ? 0 : (numbers.get(step.of) ?? (expired || step.goesOn ? 3 : 0))
    numbers.set(step.of, before + 1)
    const parent = before === 0 ? null : String(before)
    noteStep(book, at, { policy: step.of, version: String(before + 1), parent, transitions: step.learned })
  }
  const { of, learned, next, contains } = steps.findLast(step => 'of' in step) as Version
  const places = [...(contains ?? next).entries()].flatMap(([partition, offset]) =>
    offset === undefined ? [] : [{ topic: 'transitions', partition, next: offset }],
  )
  const model = { policy: of, version: String(numbers.get(of)), transitions: learned, contains: places }
  const account = openAccount(model, book)
  for (const [partition, there] of transitions.entries()) {
    const [from, to] = typeof there === 'number' ? [0, there] : there
    if (from > 0) account.isCut = true
    for (let offset = from; offset < to; offset++) countContained([account], partition, offset)
  }
  const ledger = openLedger()
  auditModel(ledger, account)
  const { transitionsContained, transitionsCounted, transitionsUnjudged } = ledger.model
  return {
    differs: ledger.differences.map(({ what, expected, found }) => {
      assert.equal(what, 'model_count_differs')
      return [Number(expected), Number(found)]
    }),
    sums: [transitionsContained, transitionsCounted, transitionsUnjudged],
  }
}

const check = (cases: readonly Case[]) => {
  for (const one of cases)
    test(one.title, () => {
      const { differs, sums } = judged(one)
      assert.deepEqual(differs, one.differs ?? [])
      if (one.sums) assert.deepEqual(sums, one.sums)
    })
}

const a = { of: 'a' } as const
const b = { of: 'b' } as const
const c = { of: 'c' } as const

describe('a policy from the beginning', () => {
  const whole = [
    { ...a, learned: 5, next: [3, 2] },
    { ...a, learned: 12, next: [8, 4] },
  ]
  const transitions = [8, 4]
  check([
    { title: 'all below its positions', steps: whole, transitions, sums: [12, 12, 0] },
    {
      title: "others' batches stand before it",
      debris: true,
      steps: [{ ...a, learned: 4, next: [3, 2] }],
      transitions,
      differs: [[5, 4]],
    },
    { title: 'what comes after them is not looked for', steps: whole, transitions: [20, 9], sums: [12, 12, 0] },
    {
      title: 'one was lost before its first version',
      steps: [
        { ...a, learned: 4, next: [3, 2] },
        { ...a, learned: 11, next: [8, 4] },
      ],
      transitions,
      differs: [[12, 11]],
    },
    {
      title: 'one was doubled later',
      steps: [whole[0]!, { ...a, learned: 13, next: [8, 4] }],
      transitions,
      differs: [[12, 13]],
    },
    {
      title: 'nothing learned from a partition',
      steps: [{ ...a, learned: 3, next: [3, 0], contains: [3] }],
      transitions,
    },
    {
      title: 'only a log that it started from',
      steps: [{ ...a, learned: 0, next: [0, 0], contains: [] }],
      transitions,
    },
    {
      title: 'an adoption that left inputs out stays visible',
      steps: [whole[0]!, { only: 'adopted', next: [6, 4] }, { ...a, learned: 7, next: [8, 4] }],
      transitions,
      differs: [[12, 7]],
    },
    {
      title: 'so does one behind which it begins anew',
      steps: [whole[0]!, { only: 'adopted', next: [3, 2] }, { ...a, learned: 7, next: [8, 4], first: true }],
      transitions,
      differs: [[12, 7]],
    },
    {
      title: 'so does one of a log that was made anew',
      steps: [
        { only: 'adopted', next: [6, 4] },
        { ...a, learned: 2, next: [8, 4] },
      ],
      transitions,
      differs: [[12, 2]],
    },
    { title: 'transitions are gone that it learned', steps: whole, transitions: [[4, 8], 4], sums: [8, 12, 0] },
    {
      title: 'fewer learned than are left',
      steps: [{ ...a, learned: 7, next: [8, 4] }],
      transitions: [[4, 8], 4],
      differs: [[8, 7]],
    },
  ])
})

describe('a policy that was named anew', () => {
  const before = { ...a, learned: 5, next: [3, 2] }
  const transitions = [8, 4]
  check([
    {
      title: 'it began where the other one stood',
      steps: [before, { ...b, learned: 2, next: [5, 2], contains: [5] }, { ...b, learned: 7, next: [8, 4] }],
      transitions,
      sums: [7, 7, 0],
    },
    {
      title: 'one was lost in its first version',
      steps: [before, { ...b, learned: 1, next: [5, 2] }, { ...b, learned: 6, next: [8, 4] }],
      transitions,
      differs: [[7, 6]],
    },
    {
      title: 'one was doubled later',
      steps: [before, { ...b, learned: 2, next: [5, 2] }, { ...b, learned: 8, next: [8, 4] }],
      transitions,
      differs: [[7, 8]],
    },
    {
      title: 'it began with what the other one had learned',
      steps: [before, { ...b, learned: 12, next: [8, 4] }],
      transitions,
      differs: [[7, 12]],
    },
    {
      title: 'it has nothing yet: the former one is judged',
      steps: [{ ...before, learned: 4 }],
      transitions,
      differs: [[5, 4]],
    },
    {
      title: 'only weights or a log: it has learned nothing',
      steps: [before, { ...b, learned: 0, next: [3, 2], contains: [] }],
      transitions,
      sums: [0, 0, 0],
    },
    {
      title: 'twice',
      steps: [before, { ...b, learned: 2, next: [4, 3] }, { ...c, learned: 5, next: [8, 4] }],
      transitions,
      sums: [5, 5, 0],
    },
    {
      title: 'twice, and one was lost by the third',
      steps: [before, { ...b, learned: 2, next: [4, 3] }, { ...c, learned: 4, next: [8, 4] }],
      transitions,
      differs: [[5, 4]],
    },
    {
      title: 'and back: it goes on, but for what the other one learned',
      steps: [before, { ...b, learned: 2, next: [4, 3] }, { ...a, learned: 10, next: [8, 4] }],
      transitions,
      sums: [10, 10, 0],
    },
    {
      title: 'and back, and one was lost',
      steps: [before, { ...b, learned: 2, next: [4, 3] }, { ...a, learned: 9, next: [8, 4] }],
      transitions,
      differs: [[10, 9]],
    },
    {
      title: "and back, with the other one's learned too",
      steps: [before, { ...b, learned: 2, next: [4, 3] }, { ...a, learned: 12, next: [8, 4] }],
      transitions,
      differs: [[10, 12]],
    },
    {
      title: 'and back, with nothing to go on from',
      steps: [before, { ...b, learned: 2, next: [4, 3] }, { ...a, learned: 5, next: [8, 4], first: true }],
      transitions,
      sums: [5, 5, 0],
    },
    {
      title: 'an adoption in between that left inputs out stays visible',
      steps: [before, { only: 'adopted', next: [6, 4] }, { ...b, learned: 2, next: [8, 4] }],
      transitions,
      differs: [[7, 2]],
    },
    {
      title: 'transitions are gone that it learned, and of before',
      steps: [before, { ...b, learned: 7, next: [8, 4] }],
      transitions: [[5, 8], 4],
      sums: [5, 7, 0],
    },
    {
      title: 'transitions of before are gone, and it learned fewer than are left',
      steps: [before, { ...b, learned: 6, next: [8, 4] }],
      transitions: [[1, 8], 4],
      differs: [[7, 6]],
    },
  ])
})

describe('after a move', () => {
  const moved = { only: 'moved', next: [6, 6] } as const
  check([
    {
      title: 'who comes along says how much is contained',
      steps: [
        { ...a, learned: 12, next: [6, 6] },
        { ...a, learned: 12, next: [6, 6] },
        { ...a, learned: 14, next: [7, 7] },
      ],
      transitions: [7, 7],
      sums: [14, 14, 0],
    },
    {
      title: 'who comes along says fewer than were copied',
      steps: [{ ...a, learned: 11, next: [6, 6], goesOn: true }],
      transitions: [7, 7],
      differs: [[12, 11]],
    },
    {
      title: 'who comes along under another name',
      steps: [
        { ...a, learned: 12, next: [6, 6] },
        { ...b, learned: 2, next: [7, 7] },
      ],
      transitions: [7, 7],
      sums: [2, 2, 0],
    },
    {
      title: 'who was back under its former name',
      steps: [
        { ...b, learned: 12, next: [6, 6] },
        { ...a, learned: 12, next: [6, 6], goesOn: true },
        { ...a, learned: 14, next: [7, 7] },
      ],
      transitions: [7, 7],
    },
    {
      title: 'who is new begins there',
      steps: [moved, { ...b, learned: 1, next: [7, 6], contains: [7] }, { ...b, learned: 2, next: [7, 7] }],
      transitions: [7, 7],
      sums: [2, 2, 0],
    },
    {
      title: 'who is new lost one',
      steps: [moved, { ...b, learned: 1, next: [7, 7] }],
      transitions: [7, 7],
      differs: [[2, 1]],
    },
    {
      title: 'who is new learned one of before',
      steps: [moved, { ...b, learned: 3, next: [7, 7] }],
      transitions: [7, 7],
      differs: [[2, 3]],
    },
  ])
})

describe('the first versions are gone', () => {
  const expired = true
  const transitions = [8, 4]
  check([
    {
      title: 'the oldest one says as many as there are: it was there from the beginning',
      expired,
      steps: [
        { ...a, learned: 5, next: [3, 2] },
        { ...a, learned: 12, next: [8, 4] },
      ],
      transitions,
      sums: [12, 12, 0],
    },
    {
      title: 'the oldest one says fewer: whether it began late or lost some is not known',
      expired,
      steps: [
        { ...a, learned: 2, next: [3, 2] },
        { ...a, learned: 9, next: [8, 4] },
      ],
      transitions,
      sums: [12, 9, 3],
    },
    {
      title: 'the oldest one says more: some were doubled',
      expired,
      steps: [
        { ...a, learned: 6, next: [3, 2] },
        { ...a, learned: 13, next: [8, 4] },
      ],
      transitions,
      differs: [[5, 6]],
    },
    {
      title: 'it began late, and one was lost since',
      expired,
      steps: [
        { ...a, learned: 2, next: [3, 2] },
        { ...a, learned: 8, next: [8, 4] },
      ],
      transitions,
      differs: [[9, 8]],
    },
    {
      title: 'it began late, and one was doubled since',
      expired,
      steps: [
        { ...a, learned: 2, next: [3, 2] },
        { ...a, learned: 10, next: [8, 4] },
      ],
      transitions,
      differs: [[9, 10]],
    },
    {
      title: 'a version of the former name is left: where it began is known',
      expired,
      steps: [
        { ...a, learned: 5, next: [3, 2] },
        { ...b, learned: 6, next: [8, 4], first: true },
      ],
      transitions,
      differs: [[7, 6]],
    },
    {
      title: 'and back, and only the other one in between is left',
      expired,
      steps: [
        { ...b, learned: 2, next: [4, 3] },
        { ...a, learned: 6, next: [5, 3] },
        { ...a, learned: 10, next: [8, 4] },
      ],
      transitions,
      sums: [12, 10, 2],
    },
    {
      title: 'transitions are gone, too, and more are counted than are left',
      expired,
      steps: [
        { ...a, learned: 5, next: [3, 2] },
        { ...a, learned: 12, next: [8, 4] },
      ],
      transitions: [[2, 8], 4],
      sums: [10, 12, 0],
    },
    {
      title: 'transitions are gone, too, and of those that are left it lost one',
      expired,
      steps: [
        { ...a, learned: 5, next: [3, 2] },
        { ...a, learned: 11, next: [8, 4] },
      ],
      transitions: [[2, 8], 4],
      differs: [[12, 11]],
    },
  ])
})

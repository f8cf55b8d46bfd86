/** In a process of its own: what it sets holds for the whole process. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, test } from 'node:test'

const collector = new URL('../../src/operate/collector.ts', import.meta.url)
/** What a program prints, whatever the limits of this process are. */
function evaluate(flags: readonly string[], program: string): string {
  const args = [...flags, '--input-type=module', '--eval', program]
  const env = { ...process.env, NODE_OPTIONS: '' }
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', env })
  assert.equal(status, 0, stderr)
  return stdout
}

/** Without incremental marking, which lets the heap go on growing while it is looked through, by chance more or less.
 * @param work a program, prints a number */
function run(bounded: boolean, work: string): number {
  const begin = `
    import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8'
    import { boundHeap } from '${collector}'
    const spaceOf = name => getHeapSpaceStatistics().find(each => each.space_name === name)
    if (${bounded}) boundHeap()`
  return Number(evaluate(['--expose-gc', '--no-incremental-marking'], `${begin}\n${work}`))
}

test('with state on disk the space of new objects is a quarter of what it grows to by itself', () => {
  const work = `
    const kept = []
    for (let i = 0; i < 3_000_000; i++) kept[i % 500_000] = { i }
    process.stdout.write(String(spaceOf('new_space').space_size / 2 ** 20))`
  const [bounded, unbounded] = [run(true, work), run(false, work)]
  assert.equal(bounded, 32)
  assert.ok(unbounded >= 64, `${unbounded} MiB unbounded`)
})

test('with state on disk the heap becomes three times what is alive, and not the five that it would', () => {
  const work = `
    globalThis.kept = []
    let peak = 0
    for (let i = 0; i < 2_400_000; i++) {
      kept[i % 200_000] = { i, list: [i] }
      if (i % 10_000 === 0) peak = Math.max(peak, getHeapStatistics().used_heap_size)
    }
    gc()
    process.stdout.write(String(peak / getHeapStatistics().used_heap_size))`
  const times = run(true, work)
  assert.ok(times > 2 && times < 3.8, `${times} times`)
})

/** How often V8 looks then shows in a running ranker alone (bench/README.md). */
test('the heap of a ranker with state in memory grows as one with state on disk, of other stages as V8 likes', () => {
  const told = (stages: readonly string[]): readonly string[] => {
    const program = `
      import { syncBuiltinESMExports } from 'node:module'
      import v8 from 'node:v8'
      const told = []
      v8.setFlagsFromString = flag => told.push(flag)
      syncBuiltinESMExports()
      const { suitCollector } = await import('${collector}')
      suitCollector(${JSON.stringify(stages)}, false)
      process.stdout.write(JSON.stringify(told))`
    return JSON.parse(evaluate([], program))
  }
  const growth = '--heap-growing-percent=150'
  for (const stages of [['ranker'], ['joiner', 'ranker']]) assert.ok(told(stages).includes(growth), stages.join())
  for (const stages of [['joiner'], ['learner']]) assert.doesNotMatch(told(stages).join(), /percent/)
})

test('what reading left behind is gone at once', () => {
  const work = `
    import { collectAll } from '${collector}'
    import { getHeapStatistics } from 'node:v8'
    let read = []
    for (let i = 0; i < 1_000_000; i++) read.push({ i })
    const full = getHeapStatistics().used_heap_size
    read = undefined
    collectAll()
    process.stdout.write(String(getHeapStatistics().used_heap_size / full))`
  assert.ok(Number(evaluate(['--max-semi-space-size=1'], work)) < 0.5)
})

test('where nothing happens the heap is not looked through to give memory back', () => {
  const work = (isKept: boolean) => `
    import { keepMemoryWhenIdle } from '${collector}'
    if (${isKept}) keepMemoryWhenIdle()
    for (let round = 0; round < 20; round++) {
      globalThis.kept = []
      for (let i = 0; i < 400_000; i++) kept.push({ i, text: 'item ' + i })
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    await new Promise(resolve => setTimeout(resolve, 500))`
  const flags = ['--trace-memory-reducer', '--gc-memory-reducer-start-delay-ms=100']
  const [kept, given] = [true, false].map(isKept => evaluate(flags, work(isKept)))
  const plans = /Memory reducer: waiting/
  assert.doesNotMatch(kept, plans)
  assert.match(given, plans)
})

interface Suited {
  /** How often the whole heap was looked through while two gigabytes came and went outside of it, beside a million objects that stay. */
  readonly looks: number
  readonly newSpaceMiB: number
}

/** Of a process of such stages. */
function suited(stages: readonly string[], stateOnDisk: boolean): Suited {
  const work = `
    import { PerformanceObserver } from 'node:perf_hooks'
    import { setTimeout as sleep } from 'node:timers/promises'
    import { getHeapSpaceStatistics } from 'node:v8'
    import { suitCollector } from '${collector}'
    suitCollector(${JSON.stringify(stages)}, ${stateOnDisk})
    const kept = []
    for (let i = 0; i < 3_000_000; i++) kept[i % 1_000_000] = { i }
    const newSpaceMiB = getHeapSpaceStatistics().find(each => each.space_name === 'new_space').space_size / 2 ** 20
    let looks = 0
    new PerformanceObserver(list => (looks += list.getEntries().filter(each => each.detail.kind === 4).length)).observe({ entryTypes: ['gc'] })
    await sleep(50)
    const before = looks
    for (let i = 0; i < 2000; i++) {
      Buffer.alloc(1 << 20)
      if (i % 50 === 0) await sleep(1)
    }
    await sleep(50)
    process.stdout.write(JSON.stringify({ looks: looks - before, newSpaceMiB, kept: kept.length }))`
  return JSON.parse(evaluate(['--max-old-space-size=2048'], work))
}

describe('what passes by outside of the heap', () => {
  const often = suited(['joiner'], true)
  const cases: readonly (readonly [stages: readonly string[], stateOnDisk: boolean, smallSpace: boolean])[] = [
    [['joiner'], false, false],
    [['ranker'], true, true],
    [['ranker'], false, false],
    [['gateway'], true, true],
    [['gateway'], false, true],
    [['gateway', 'ranker', 'joiner'], true, true],
    [['gateway', 'ranker', 'joiner'], false, false],
  ]
  test('makes V8 look through that of a joiner with state on disk, which is small', () => {
    assert.ok(often.looks >= 4, `${often.looks} times`)
    assert.equal(often.newSpaceMiB, 32)
  })
  for (const [stages, stateOnDisk, smallSpace] of cases)
    test(`does not so of ${stages.join(', ')} with state ${stateOnDisk ? 'on disk' : 'in memory'}`, () => {
      const { looks, newSpaceMiB } = suited(stages, stateOnDisk)
      assert.ok(looks <= often.looks / 2, `${looks} times, ${often.looks} with state on disk`)
      assert.equal(newSpaceMiB === 32, smallSpace, `${newSpaceMiB} MiB of new objects`)
    })
})

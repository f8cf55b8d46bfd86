/** In a process of its own: what it sets holds for the whole process. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'

const collector = new URL('../../src/operate/collector.ts', import.meta.url)
/** Without incremental marking, which lets the heap go on growing while it is looked through, by chance more or less.
 * @param work a program, prints a number */
function run(bounded: boolean, work: string): number {
  const begin = `
    import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8'
    import { boundHeap } from '${collector}'
    const spaceOf = name => getHeapSpaceStatistics().find(each => each.space_name === name)
    if (${bounded}) boundHeap()`
  const args = ['--expose-gc', '--no-incremental-marking', '--input-type=module', '--eval', `${begin}\n${work}`]
  return Number(spawnSync(process.execPath, args, { encoding: 'utf8' }).stdout)
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
  const [kept, given] = [true, false].map(isKept => {
    const args = [
      '--trace-memory-reducer',
      '--gc-memory-reducer-start-delay-ms=100',
      '--input-type=module',
      '--eval',
      work(isKept),
    ]
    return spawnSync(process.execPath, args, { encoding: 'utf8' }).stdout
  })
  const plans = /Memory reducer: waiting/
  assert.doesNotMatch(kept, plans)
  assert.match(given, plans)
})

/** How often the whole heap was looked through while two gigabytes came and went outside of it, beside a million objects that stay. */
function looksOf(stages: readonly string[], stateOnDisk: boolean): number {
  const work = `
    import { PerformanceObserver } from 'node:perf_hooks'
    import { setTimeout as sleep } from 'node:timers/promises'
    import { suitCollector } from '${collector}'
    suitCollector(${JSON.stringify(stages)}, ${stateOnDisk})
    globalThis.kept = Array.from({ length: 1_000_000 }, (_, i) => ({ i }))
    let looks = 0
    new PerformanceObserver(list => (looks += list.getEntries().filter(each => each.detail.kind === 4).length)).observe({ entryTypes: ['gc'] })
    await sleep(50)
    const before = looks
    for (let i = 0; i < 2000; i++) {
      Buffer.alloc(1 << 20)
      if (i % 50 === 0) await sleep(1)
    }
    await sleep(50)
    process.stdout.write(String(looks - before))`
  return Number(spawnSync(process.execPath, ['--input-type=module', '--eval', work], { encoding: 'utf8' }).stdout)
}

test('what passes by outside of the heap makes V8 look through it only where state on disk keeps the heap small', () => {
  const often = looksOf(['joiner'], true)
  assert.ok(often >= 8, `joiner with state on disk: ${often} times`)
  for (const stages of [['ranker'], ['gateway'], ['gateway', 'ranker', 'joiner']])
    for (const stateOnDisk of [true, false]) {
      const looks = looksOf(stages, stateOnDisk)
      assert.ok(looks <= 4, `${stages} ${stateOnDisk}: ${looks} times`)
    }
})

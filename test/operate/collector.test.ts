/** In a process of its own: what it sets holds for the whole process. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'

const collector = new URL('../../src/operate/collector.ts', import.meta.url)
const program = (bounded: boolean): string => `
  import { getHeapSpaceStatistics } from 'node:v8'
  import { boundHeap } from '${collector}'
  if (${bounded}) boundHeap()
  const kept = []
  for (let i = 0; i < 3_000_000; i++) kept[i % 500_000] = { i }
  const { space_size } = getHeapSpaceStatistics().find(each => each.space_name === 'new_space')
  process.stdout.write(String(space_size / 2 ** 20))`

const newSpaceMiB = (bounded: boolean): number => {
  const args = ['--input-type=module', '--eval', program(bounded)]
  return Number(spawnSync(process.execPath, args, { encoding: 'utf8' }).stdout)
}

test('with state on disk the space of new objects is a quarter of what it grows to by itself', () => {
  const [bounded, unbounded] = [newSpaceMiB(true), newSpaceMiB(false)]
  assert.equal(bounded, 32)
  assert.ok(unbounded >= 64, `${unbounded} MiB unbounded`)
})

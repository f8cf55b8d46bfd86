/** An example of examples/client, run against a gateway: what it showed was decided, and its click is in the log. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { BehaviorEvent } from '../../schemas/records.ts'
import { activations, openWorld, recordsOf, until } from './world.ts'

const run = promisify(execFile)
const fileOf = (name: string) => fileURLToPath(new URL(`../../examples/client/${name}`, import.meta.url))

/** An example where nothing listens: one line that says so. */
export async function runForNothing(command: string, file: string): Promise<void> {
  const error = await run(command, [fileOf(file), 'http://127.0.0.1:2'], { timeout: 30_000 }).catch(failed => failed)
  assert.deepEqual([error.code, error.stdout], [1, ''])
  assert.match(error.stderr, /^[^\n]*127\.0\.0\.1:2[^\n]*(ECONN|refused)[^\n]*\n$/)
}

export async function runExample(t: TestContext, command: string, file: string): Promise<void> {
  const world = await openWorld(t)
  const { stdout } = await run(command, [fileOf(file), world.url], { timeout: 30_000 })
  const slate = JSON.parse(stdout)
  const [decision] = await world.decisions()
  assert.deepEqual(
    slate.items,
    decision.slots.map(({ item_id }) => item_id),
  )
  assert.equal(slate.items.length, 2)
  const events = await recordsOf<BehaviorEvent>(world.context, 'events')
  const clicks = events.filter(({ type }) => type === 'click')
  assert.deepEqual(
    clicks.map(({ decision_id, item_id }) => [decision_id, item_id]),
    [[decision.decision_id, slate.items[0]]],
  )
  await until(async () => (await activations(world.context, decision.decision_id)).length === 1, 'the activation')
}

/** A loop of which a service fails ends with that failure, and leaves nothing behind that keeps the process alive. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { untilFailure } from '../../src/demo/loop.ts'

test('work beside services ends with the failure of the first', async () => {
  const failing = Promise.withResolvers<void>()
  const healthy = new Promise<void>(() => {})
  const services = [{ done: healthy }, { done: failing.promise }]
  const work = untilFailure(services, signal => sleep(60_000, 'done', { signal }))
  failing.reject(new Error('disk full'))
  await assert.rejects(work, /disk full/)
  assert.equal(await untilFailure([{ done: healthy }], () => Promise.resolve('done')), 'done')
})

test('a loop whose service fails ends with that failure and lets the process exit', { timeout: 60_000 }, async () => {
  const at = (path: string) => JSON.stringify(new URL(path, import.meta.url).href)
  // no folder can be made below a device: every task fails when it opens
  const script = `
    import { runLoop } from ${at('../../src/demo/loop.ts')}
    import { openEnvironment } from ${at('../../src/environments/open.ts')}
    const config = { state: { folder: '/dev/null/feedloop' } }
    await runLoop({ environment: openEnvironment('recogym'), bus: 'embedded', seconds: 600, seed: 1, config, onPlace: console.log })
      .catch(error => console.log('failed:', error.message))`
  const loop = spawn(process.execPath, ['--input-type=module', '--eval', script])
  let said = ''
  loop.stdout.setEncoding('utf8').on('data', text => {
    said += text
  })
  await once(loop, 'exit')
  assert.match(said, /^embedded log in this process \(as asked\)\nfailed: .*\/dev\/null/)
})

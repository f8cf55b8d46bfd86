/** docs/http.md: its curl calls are sent as they stand there, and its table says what the code says. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { type ErrorCode, errorTable } from '../../src/errors.ts'
import { statusOf } from '../../src/gateway/problem.ts'
import { openWorld, type Reply } from './world.ts'

const text = readFileSync(new URL('../../docs/http.md', import.meta.url), 'utf8')
const curl = /^curl -s http:\/\/localhost:8080(\S+) -H '([^:]+): ([^']+)' \\\n {2}-d '([^']+)'$/

test('the curl calls', async t => {
  const world = await openWorld(t)
  const blocks = [...text.matchAll(/```sh\n([\s\S]*?)\n```/g)].map(([, block]) => block)
  const replies: Reply[] = []
  for (const block of blocks) {
    const call = curl.exec(block.replace("'$(date +%s000)'", String(Date.now())))
    assert.ok(call, `not read by this test: ${block}`)
    const [, path, header, value, body] = call
    assert.deepEqual([header, value], ['content-type', 'application/json'])
    replies.push(await world.post(path, body))
  }
  const [put, slate, told] = replies
  assert.deepEqual([put.status, put.body], [200, { appended: 2 }])
  assert.deepEqual([slate.status, slate.body.items.length, slate.body.decision_id], [200, 2, 'visit-1'])
  assert.deepEqual([told.status, told.body], [200, { appended: 1 }])
})

test('the table of statuses', () => {
  const rows = [...text.matchAll(/^\| (\d{3}) \| (.*?) \|/gm)]
  assert.deepEqual(
    rows.map(([, status]) => Number(status)),
    [400, 404, 409, 413, 415, 422, 503, 504],
  )
  for (const [, status, codes] of rows)
    for (const [, code] of codes.matchAll(/`(\w+)`/g)) {
      assert.ok(code in errorTable, code)
      assert.equal(statusOf(code as ErrorCode), Number(status), code)
    }
})

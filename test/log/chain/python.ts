/**
 * `npm run test:python`: src/log/chain/chain_reader.py accepts what the reader here accepts. No part of `npm test`, which
 * must run where only Node, Java and Maven are; where it is asked for, a machine without python3 fails it.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { STEP_HEADER } from '../../../src/log/chain/header.ts'
import { cases, written } from './reader-cases.ts'

test('the Python reader accepts the same', () => {
  const script = fileURLToPath(new URL('../../../src/log/chain/', import.meta.url))
  const vectors = cases
    .filter(one => one.python !== undefined)
    .map(({ name, python: start, base, log, accepted, lost = false }) => ({
      name,
      start,
      accepted,
      lost,
      records: written(log, base).map(({ offset, headers, value }) => [
        offset,
        headers[STEP_HEADER]?.toString() ?? null,
        value?.toString() ?? null,
      ]),
    }))
  const program = `
import json, sys
sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
from chain_reader import accepted_batches, IdentityLost
for v in json.load(sys.stdin):
    found, lost = [], False
    try:
        for base, _, _ in accepted_batches(((o, {} if h is None else {"fl-step": h}, None, x) for o, h, x in v["records"]), v["start"]):
            found.append(base)
    except IdentityLost:
        lost = True
    print(json.dumps({"name": v["name"], "accepted": found, "lost": lost}))
`
  const { stdout, stderr, status, error } = spawnSync('python3', ['-c', program, script], {
    input: JSON.stringify(vectors),
    encoding: 'utf8',
  })
  assert.equal(status, 0, error?.message ?? stderr)
  const answers = stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as unknown)
  assert.deepEqual(
    answers,
    vectors.map(({ name, accepted, lost }) => ({ name, accepted, lost })),
  )
})

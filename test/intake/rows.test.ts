import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import { openRows } from '../../src/intake/rows.ts'

for (const [name, file] of [
  ['a folder', tmpdir()],
  ['nothing', 'there-is-no-such-file.jsonl'],
])
  test(`${name} is no file of rows`, () => assert.throws(() => openRows(file), { code: 'DATA_MISSING' }))

/** Files that are no configuration end in CONFIG_INVALID, whatever the environment lays over them. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { loadConfig } from '../../src/config.ts'

const folder = mkdtempSync(join(tmpdir(), 'feedloop-config-'))
after(() => rmSync(folder, { recursive: true }))

const cases: [string, string][] = [
  ['a text', 'hello'],
  ['a list', '- 1'],
  ['a section that is a text', 'kafka: here'],
  ['a section that is a list', 'topics: [a]'],
]

for (const [name, text] of cases)
  test(name, () => {
    const file = join(folder, 'feedloop.yaml')
    writeFileSync(file, text)
    const environment = { KAFKA_BROKERS: 'a:1', FEEDLOOP_TOPIC_PREFIX: 'x.' }
    assert.throws(() => loadConfig(file, {}), { code: 'CONFIG_INVALID' })
    assert.throws(() => loadConfig(file, environment), { code: 'CONFIG_INVALID' })
  })

/** What is generated and committed is what the generators make today. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { configJsonSchema, documents, documentText, type JsonSchema } from '../../tools/docs.ts'
// @ts-expect-error a plain script without types
import { recordTypes } from '../../tools/record-types.mjs'

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

describe('generated files are current', () => {
  for (const name of Object.keys(documents))
    test(`docs/${name} (npm run generate:docs)`, () => {
      assert.equal(read(`docs/${name}`), documentText(name))
    })
  test('schemas/records.ts (npm run generate:records)', () => {
    assert.equal(read('schemas/records.ts'), recordTypes())
  })
})

describe('configuration', () => {
  test('every field has a description', () => {
    assert.deepEqual(undescribed('', configJsonSchema()), [])
  })
})

/** Paths of the leaves that nothing describes. A branch (an object with fixed keys) may go without. */
function undescribed(path: string, schema: JsonSchema, covered = false): string[] {
  const known = covered || schema.description !== undefined
  const fields = Object.entries(schema.properties ?? {})
  if (fields.length > 0) return fields.flatMap(([name, child]) => undescribed(`${path}.${name}`, child))
  if (schema.items?.properties) return undescribed(`${path}[]`, schema.items)
  const choices = (schema.oneOf ?? []).filter(choice => choice.properties)
  if (choices.length > 0) return choices.flatMap(choice => undescribed(path, choice))
  return known ? [] : [path]
}

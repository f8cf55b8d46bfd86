import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { createClassification, readRows } from '../../src/environments/classification.ts'
import { isCode } from '../../src/errors.ts'

const folder = mkdtempSync(join(tmpdir(), 'feedloop-rows-'))
after(() => rmSync(folder, { recursive: true }))
function write(name: string, text: string): string {
  const file = join(folder, name)
  writeFileSync(file, text)
  return file
}

const arff = `% a comment
@relation weather
@attribute temperature numeric
@attribute 'the sky' {sunny, 'part cloudy'}
@attribute class {go, stay}
@data
20.5,sunny,go
?,'part cloudy',stay
3,?,stay
`

describe('reading rows', () => {
  test('ARFF: numbers, words, quotes, missing cells', () => {
    const rows = readRows(write('weather.arff', arff))
    assert.deepEqual(rows.classes, ['go', 'stay'])
    assert.deepEqual(rows.labels, [0, 1, 1])
    assert.deepEqual(rows.columns, [
      'temperature',
      'temperature=?',
      'the sky=part cloudy',
      'the sky=sunny',
      'the sky=?',
    ])
    assert.deepEqual(
      rows.features.map(row => [...row]),
      [
        [20.5, 0, 0, 1, 0],
        [0, 1, 1, 0, 0],
        [3, 0, 0, 0, 1],
      ],
    )
  })
  test('sparse ARFF', () => {
    const text =
      '@relation r\n@attribute a real\n@attribute b real\n@attribute class {x,y}\n@data\n{1 2.5, 2 y}\n{0 1}\n'
    const rows = readRows(write('sparse.arff', text))
    assert.deepEqual(
      rows.labels.map(label => rows.classes[label]),
      ['y', 'x'],
    )
    assert.deepEqual([...rows.features[0]], [0, 2.5])
  })
  test('CSV: the class by name, wherever it stands', () => {
    const rows = readRows(write('t.csv', 'label,a\n1,4\n2,5\n1,6\n'))
    assert.deepEqual([rows.classes, rows.labels, rows.columns], [['1', '2'], [0, 1, 0], ['a']])
  })
  const bad: Record<string, [string, string]> = {
    'no data': ['x.arff', '@relation r\n@attribute a numeric\n'],
    'a row too short': ['y.arff', '@attribute a numeric\n@attribute class {p,q}\n@data\n1,p\nq\n'],
    'a word for a number': ['z.arff', '@attribute a numeric\n@attribute class {p,q}\n@data\n1,p\nred,q\n'],
    'one class only': ['o.csv', 'a,class\n1,p\n2,p\n'],
  }
  for (const [what, [name, text]] of Object.entries(bad))
    test(`${what}: DATA_MISSING`, () => {
      assert.throws(
        () => readRows(write(name, text)),
        error => isCode(error, 'DATA_MISSING'),
      )
    })
  test('no such file: DATA_MISSING', () => {
    assert.throws(
      () => readRows(join(folder, 'none.arff')),
      error => isCode(error, 'DATA_MISSING'),
    )
  })
})

describe('the bandit', () => {
  const environment = createClassification(readRows(write('again.arff', arff)))
  test('each row comes once, in an order of the seed, and only the right class pays', () => {
    const contexts = [0, 1, 2].map(index => {
      const session = environment.session(index, 5)
      const { context, candidates, done } = session.reset()
      assert.deepEqual([candidates, done], [null, false])
      const pays = environment.items().map(({ item_id }) => session.step([item_id]).expectedReward)
      assert.equal(pays[0] + pays[1], 1)
      return JSON.stringify(context)
    })
    assert.equal(new Set(contexts).size, 3)
    assert.equal(environment.sessions, 3)
  })
})

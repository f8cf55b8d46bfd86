import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseCall } from '../../src/gateway/door/body.ts'
import { createRandom } from '../../src/state/random.ts'

/** What comes of it, and what the parser was asked. @throws SyntaxError its own */
function parsed(text: string): { readonly value: unknown; readonly texts: readonly string[] } {
  const texts: string[] = []
  let told: { readonly error: Error | null; readonly value?: unknown } | undefined
  parseCall(
    text,
    (each, done) => {
      texts.push(each)
      let value: unknown
      try {
        value = JSON.parse(each)
      } catch (error) {
        done(error as Error)
        return
      }
      done(null, value)
    },
    (error, value) => {
      assert.equal(told, undefined)
      told = { error, value }
    },
  )
  if (told!.error) throw told!.error
  return { value: told!.value, texts }
}
/** As JSON.parse: the same value, or an error of its. */
function isAsParsed(text: string): void {
  let expected: unknown
  try {
    expected = JSON.parse(text)
  } catch {
    assert.throws(() => parsed(text), SyntaxError, text)
    return
  }
  assert.deepEqual(parsed(text).value, expected, text)
}

describe('the body of a call', () => {
  const many = Array.from({ length: 1000 }, (_, i) => `item-${i}`)
  for (const [name, text] of [
    ['plain', JSON.stringify({ user_id: 'u', candidates: many, slots: 1 })],
    ['with spaces after commas and colons', `{"user_id": "u", "candidates": ["${many.join('", "')}"], "slots": 1}`],
  ])
    test(`candidates that are ${name} never come before the parser`, () => {
      const { value, texts } = parsed(text)
      assert.deepEqual(value, JSON.parse(text))
      assert.equal(texts.length, 1)
      assert.ok(texts[0].length < 120)
    })

  test('is what JSON says, whatever it holds', () => {
    for (const text of [
      '{"candidates":["a"]}',
      '{"candidates":[""]}',
      '{"candidates":["",""]}',
      '{"candidates":[]}',
      '{"candidates":null}',
      '{"candidates":["a",1]}',
      '{"candidates":["a",null,"b"]}',
      '{"candidates":["a" ,"b"]}',
      '{"candidates":["a", "b","c"]}',
      '{"candidates":["a","b", "c"]}',
      '{"candidates":["a\\"b","c"]}',
      '{"candidates":["a\\u0062","c\\\\"]}',
      '{"candidates":["a\nb"]}',
      '{"candidates":[",",","]}',
      '{"candidates":["]","a]","[b"]}',
      '{"candidates":["a","]b"],"x":["c"]}',
      '{"candidates":["ä","👍","\u2028"]}',
      '{"candidates":["a"],"candidates":["b"]}',
      '{"candidates":["a"],"candidates":null}',
      '{"candidates":["a"],"candid\\u0061tes":["b"]}',
      '{"context":{"candidates":["a"]},"candidates":["b"]}',
      '{"context":{"candidates":["a"]}}',
      '{"x":"\\"candidates\\":[\\"a\\"]","candidates":["b"]}',
      '{"x":"\\\\\\"candidates\\":[","candidates":["b"]}',
      '[{"candidates":["a"]}]',
      '"candidates":["a"]',
      '{"candidates":["a"]',
      '{"candidates":["a",","x"]}',
      '{"candidates":["a",]}',
      '{"candidates":["a"}',
      '{"candidates":["a"]]}',
      '{"candidates":["a""b"]}',
      'x"candidates":["a"]',
      '{"candidates":["',
      '',
    ])
      isAsParsed(text)
  })

  test('is what JSON says, of calls in which a character or two are others', () => {
    const random = createRandom(3)
    const pick = (text: string) => text[Math.floor(random.uniform() * text.length)]
    const base = '{"context":{"candidates":["x"]},"candidates":["a","b,", "c]"],"user_id": "candidates","slots":1}'
    let sound = 0
    for (let i = 0; i < 20_000; i++) {
      const text = [...base]
      for (let n = Math.floor(random.uniform() * 3); n >= 0; n--)
        text.splice(Math.floor(random.uniform() * text.length), Math.round(random.uniform()), pick('",[]{}: \\ac'))
      isAsParsed(text.join(''))
      sound += canParse(text.join('')) ? 1 : 0
    }
    assert.ok(sound > 500, `${sound}`)
  })
})

function canParse(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

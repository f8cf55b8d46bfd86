/**
 * JSON of a call. V8 looks up every short text that `JSON.parse` finds among all texts of the process: of a call that names a thousand candidates each
 * waits for memory, .45 ms in a busy gateway, a third of all that the call costs. So a plain list of candidates is cut at its commas, and the rest
 * of the call parsed with a word in its place; whatever is not plain is parsed as it is.
 */
import { randomUUID } from 'node:crypto'

type Done = (error: Error | null, value?: unknown) => void
/** Calls back before it returns. */
type Parse = (text: string, done: Done) => void

/** Nobody who calls can have it in his call. */
const INSTEAD = randomUUID()
const LIST = /"candidates": ?\["/
/** In a list of texts: not what it says. */
const ESCAPED = /[\\\p{Cc}]/u

/** @param parse of JSON. The same comes of it, and the same errors */
export function parseCall(text: string, parse: Parse, done: Done): void {
  const call = cut(text, parse)
  if (call) done(null, call)
  else parse(text, done)
}

/** Undefined where there is no list, or none that is plain. */
function cut(text: string, parse: Parse): unknown {
  const found = LIST.exec(text)
  if (!found) return undefined
  const from = found.index + found[0].length
  const to = text.indexOf('"]', from)
  const candidates = to < 0 ? undefined : textsOf(text.slice(from, to))
  if (!candidates) return undefined
  let rest: Record<string, unknown> | null | undefined
  parse(`${text.slice(0, from - 2)}"${INSTEAD}"${text.slice(to + 2)}`, (_error, value) => {
    rest = value as typeof rest
  })
  // else it was another list, or not the last of that name
  if (rest?.candidates !== INSTEAD) return undefined
  rest.candidates = candidates
  return rest
}

/** @param between the first quote and the last */
function textsOf(between: string): string[] | undefined {
  if (ESCAPED.test(between)) return undefined
  // pieces of a text keep all of it: those of the call would keep the call
  const inside = Buffer.from(between).toString()
  const texts = inside.split(inside.includes('", "') ? '", "' : '","')
  return texts.some(each => each.includes('"')) ? undefined : texts
}

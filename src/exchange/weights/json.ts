/** JSON objects whose names are each there once: `JSON.parse` keeps the last of two silently, and two readers of a file
 * that differ in which they keep see different files. */

export type JsonObject = ReadonlyMap<string, unknown>

/** Longest name that a message repeats. */
const MAX_SHOWN = 80

/** Text of a file as a message shows it: on one line, without what a terminal would obey, and not at any length. */
export const shown = (text: string): string =>
  JSON.stringify(text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text).replace(
    /[\x7f-\x9f\u2028\u2029]/g,
    each => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )

/** Nesting beyond it is refused. */
const MAX_DEPTH = 8
/** Strings whole, structure, and runs of anything else. */
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^"{}[\]:,]+/gy

/** Objects as maps, so that `__proto__` is a name like any other.
 * @param fail is told what is wrong */
export function parseJsonOnce(text: string, fail: (detail: string) => never): JsonObject {
  refuseRepeated(text, fail)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    fail(`the header is no JSON: ${shown((cause as Error).message)}`)
  }
  const object = mapsOf(value)
  return object instanceof Map ? object : fail('the header is no object')
}

const mapsOf = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(mapsOf)
  if (typeof value !== 'object' || value === null) return value
  return new Map(Object.entries(value).map(([name, each]) => [name, mapsOf(each)]))
}

/** Looks at the tokens alone: what is no JSON is found by the parser. */
function refuseRepeated(text: string, fail: (detail: string) => never): void {
  const open: Set<string>[] = []
  let last = ''
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === '{' || token === '[') open.push(new Set())
    if (open.length > MAX_DEPTH) fail(`the header is nested more than ${MAX_DEPTH} deep`)
    if (token === '}' || token === ']') open.pop()
    if (token === ':' && last.startsWith('"')) note(open.at(-1), last, fail)
    if (token.trim() !== '') last = token
  }
}

function note(names: Set<string> | undefined, token: string, fail: (detail: string) => never): void {
  const name = nameOf(token, fail)
  if (names?.has(name)) fail(`${shown(name)} is there twice`)
  names?.add(name)
}

function nameOf(token: string, fail: (detail: string) => never): string {
  try {
    return JSON.parse(token) as string
  } catch {
    return fail(`${shown(token)} is no name`)
  }
}

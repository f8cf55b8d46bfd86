/**
 * The path language of mappings, small on purpose: names joined by dots, list positions and odd names in brackets:
 * `order.lines[0].sku`, `["a name.with dots"].b`. No wildcards, no expressions. Only own properties are followed, so that
 * nothing inherited can be reached, and the names through which prototypes are reached are refused at compile time.
 */

export type Path = readonly (string | number)[]

const segment = /(?:^|(?<!^)\.)([^.[\]"]+)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]/y
const forbidden = new Set(['__proto__', 'prototype', 'constructor'])

/** @throws Error saying where the text is not a path */
export function parsePath(text: string): Path {
  const path: (string | number)[] = []
  segment.lastIndex = 0
  while (segment.lastIndex < text.length) {
    const at = segment.lastIndex
    const found = segment.exec(text)
    if (!found) throw new Error(`\`${text}\` is not a path at character ${at + 1}`)
    const [, name, position, quoted] = found
    const step = name ?? (position === undefined ? (JSON.parse(quoted) as string) : Number(position))
    if (forbidden.has(String(step))) throw new Error(`\`${text}\`: ${step} may not be followed`)
    path.push(step)
  }
  if (path.length === 0) throw new Error('an empty path')
  return path
}

/** The value at `path`; undefined where there is none. */
export function follow(path: Path, value: unknown): unknown {
  let at = value
  for (const step of path) {
    if (at === null || typeof at !== 'object' || !Object.hasOwn(at, step)) return undefined
    at = (at as Record<string | number, unknown>)[step]
  }
  return at
}

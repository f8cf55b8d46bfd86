/** What must not be shown to a person now, whoever proposes it: banned, excluded by the request, or seen. */
import type { Request, Snapshot } from '../../../schemas/records.ts'
import type { ConstraintsConfig } from './schema.ts'

export interface Hidden {
  (itemId: string): boolean
  /** It is what is in one of these. There need not be such an item. */
  lists(): readonly ReadonlySet<string>[]
}

/** @param seen what the person has had to do with, asked for only when something may be hidden by it */
export type HiddenFrom = (request: Request, seen: () => Snapshot['history']) => Hidden

/** Ready for many decisions: what is banned may be long, and is the same in all of them. */
export function createHidden({ banned, excludeSeen }: ConstraintsConfig): HiddenFrom {
  const always = new Set(banned)
  return (request, seen) => {
    let known: ReadonlySet<string> | undefined
    const now = (): ReadonlySet<string> => {
      known ??= hiddenNow(excludeSeen, request, seen)
      return known
    }
    return Object.assign((itemId: string) => now().has(itemId) || always.has(itemId), {
      lists: () => [now(), always],
    })
  }
}

function hiddenNow(
  excludeSeen: ConstraintsConfig['excludeSeen'],
  { excluded }: Request,
  seen: () => Snapshot['history'],
): ReadonlySet<string> {
  const hidden = new Set(excluded)
  if (excludeSeen === undefined) return hidden
  const { types, withinMs = Number.POSITIVE_INFINITY } = excludeSeen
  for (const { item_id, type, age_ms } of seen())
    if (age_ms <= withinMs && (types === undefined || types.includes(type))) hidden.add(item_id)
  return hidden
}

/** Lays `over` on `under`: maps are merged key by key, lists of maps place by place; anything else is replaced. */
export function merge<T>(under: T, over: unknown): T {
  if (over === undefined) return under
  if (Array.isArray(under) && Array.isArray(over) && [...under, ...over].every(isMap))
    return Array.from({ length: Math.max(under.length, over.length) }, (_, i) => merge(under[i], over[i])) as T
  if (!isMap(under) || !isMap(over)) return over as T
  const merged: Record<string, unknown> = { ...under }
  for (const [key, value] of Object.entries(over)) merged[key] = merge(merged[key], value)
  return merged as T
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

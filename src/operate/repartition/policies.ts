/**
 * Which old partition of `models` goes where. A policy keeps its models by its name: so new ones may stand before the
 * heartbeats, which are behind all others. A partition whose newest versions are of no policy that is configured stays in its
 * place, for whoever has it under another name now.
 */

/** @param policies by new partition @param newest whose the newest version is, by old partition; undefined: there is none
 * @returns the old partition by new one; undefined: the policy is new, and begins with nothing learned */
export function comeFrom(policies: readonly string[], newest: readonly (string | undefined)[]): (number | undefined)[] {
  const isClaimed = (old: number): boolean => newest[old] !== undefined && policies.includes(newest[old])
  return policies.map((name, place) => {
    const known = newest.indexOf(name)
    if (known >= 0) return known
    return place < newest.length && !isClaimed(place) ? place : undefined
  })
}
